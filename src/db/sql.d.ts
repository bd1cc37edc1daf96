/** SQL files imported with `{ type: "text" }` are strings. */
declare module "*.sql" {
  const text: string;
  export = text;
}
