/** The scopes of tokens as they are asked for and written; pure. */
import {
  type ConsentRequest,
  OFFLINE_SCOPE,
  READ_SCOPE,
  TOOLS_SCOPE,
} from "../../../contract/oauth.ts";

const KNOWN: ReadonlySet<string> = new Set([TOOLS_SCOPE, READ_SCOPE, OFFLINE_SCOPE]);

/** Those of the asked-for scopes that there are; a server may leave out others (RFC 6749, 3.3), and clients ask for many. */
export function knownScopes(asked: string | undefined): string[] {
  const names = (asked ?? "").split(" ").filter((name) => KNOWN.has(name));
  return [...new Set(names)];
}

const isOfTools = (name: string): boolean => name === TOOLS_SCOPE || name === READ_SCOPE;

/** Whether any of them is for tools, so that it is plain which resource is meant. */
export function namesTools(scopes: readonly string[]): boolean {
  return scopes.some(isOfTools);
}

/** What a request is for: what it says, and where it says nothing of tools, all of them. */
export function wantedScope(asked: string | undefined, isForTools: boolean): string {
  const scopes = knownScopes(asked);
  if (isForTools && !namesTools(scopes)) scopes.unshift(TOOLS_SCOPE);
  return scopes.join(" ");
}

/** The same, with no more than reading. */
export function readOnly(scope: string): string {
  const others = knownScopes(scope).filter((name) => !isOfTools(name));
  return [READ_SCOPE, ...others].join(" ");
}

/** `asked`, if a grant of `granted` has it all (RFC 6749, 6); undefined when it is more. */
export function narrowed(granted: string, asked: string | undefined): string | undefined {
  if (asked === undefined) return granted;
  const has = new Set(knownScopes(granted));
  if (has.has(TOOLS_SCOPE)) has.add(READ_SCOPE);
  const wanted = knownScopes(asked);
  return wanted.length > 0 && wanted.every((name) => has.has(name)) ? wanted.join(" ") : undefined;
}

/** In the words of the consent page. */
export function accessOf(scope: string, resource: string | null): ConsentRequest["access"] {
  const scopes = knownScopes(scope);
  if (resource === null || !namesTools(scopes)) return "nothing";
  return scopes.includes(TOOLS_SCOPE) ? "everything" : "read_only";
}
