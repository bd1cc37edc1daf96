/** `luna mcp clients`: the MCP clients that the owner has let in, and the end of that. */
import type { Environment } from "../config/environment.ts";
import type { OAuthClientView } from "../contract/oauth.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { readArguments } from "./arguments.ts";
import { Control } from "./control.ts";
import { table } from "./table.ts";
import { MCP_USAGE } from "./usage.ts";

const ACCESS = { everything: "all tools", read_only: "reading tools", nothing: "nothing" };

function rowOf({ id, name, grants }: OAuthClientView): string[] {
  const used = grants.flatMap(({ last_used_at }) => last_used_at ?? []).toSorted();
  const access = [...new Set(grants.map((grant) => ACCESS[grant.access]))].join(", ");
  return [name, access || "not connected", used.at(-1)?.slice(0, 16).replace("T", " ") ?? "-", id];
}

function show(clients: readonly OAuthClientView[]): void {
  const rows = [["NAME", "MAY USE", "LAST USED (UTC)", "ID"], ...clients.map(rowOf)];
  const text = clients.length === 0 ? "No MCP client has signed in yet.\n" : `${table(rows)}\n`;
  process.stdout.write(text);
}

/** By id, or by a name that only one has. */
function chosen(clients: readonly OAuthClientView[], wanted: string): OAuthClientView {
  const found = clients.filter(({ id, name }) => id === wanted || name === wanted);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  throw new InvalidInputError(
    only === undefined
      ? `Cannot revoke the MCP client "${wanted}": there is none of that name or id; "luna mcp clients" shows them`
      : `Cannot revoke the MCP client "${wanted}": ${found.length} have that name; give the id that "luna mcp clients" shows`,
  );
}

export async function mcpClients(environment: Environment, args: string[]): Promise<number> {
  const options = { json: { type: "boolean", default: false } } as const;
  const { values, positionals } = readArguments(args, {
    ...{ usage: MCP_USAGE.clients, options, words: { min: 0, max: 2 } },
  });
  const [verb = "list", wanted] = positionals;
  const control = await Control.of(environment);
  const { clients } = await control.oauthClients();
  if (verb === "list" && wanted === undefined) {
    if (values.json) process.stdout.write(`${JSON.stringify({ clients }, null, 2)}\n`);
    else show(clients);
    return 0;
  }
  if (verb !== "revoke" || wanted === undefined) {
    throw new InvalidInputError(
      `Cannot run "luna mcp clients ${positionals.join(" ")}": it is not how that is typed\nUsage: ${MCP_USAGE.clients}`,
    );
  }
  const client = chosen(clients, wanted);
  await control.removeOAuthClient(client.id);
  process.stdout.write(`"${client.name}" is removed; it has to be connected anew.\n`);
  return 0;
}
