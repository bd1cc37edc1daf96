/** Python files imported with `{ type: "text" }` are strings. */
declare module "*.py" {
  const text: string;
  export = text;
}
