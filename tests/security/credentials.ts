/** Ways to ask for what one may not have: each a set of headers that must open nothing. */

import { McpServerKey } from "../../src/contract/mcp-servers.ts";
import { PAGE_HEADER } from "../../src/contract/page-token.ts";
import { assertionKey, signAssertion } from "../../src/lib/assertion.ts";
import { connectClient } from "../support/luna-oauth.ts";
import { type Luna, startLuna } from "../support/start-luna.ts";
import { type Access, type ClassifiedRoute, MCP_SERVER } from "./access.ts";

type Headers = readonly (readonly [string, string])[];

/** What a Luna has given out. */
export interface GivenOut {
  luna: Luna;
  /** Cookie headers. */
  session: string;
  revoked: string;
  /** The page token of `session`. */
  page: string;
  /** The key of the MCP server that example paths name. */
  serverKey: string;
  /** What the owner has allowed an MCP client. */
  accessToken: string;
}

/** What a browser says of requests that pages of Luna's origin send, extensions' ones among them. */
export function sameOrigin({ luna }: GivenOut): Headers {
  return [
    ["Origin", luna.url],
    ["Sec-Fetch-Site", "same-origin"],
  ];
}

/** What comes along with requests of the Hub's own pages. */
export function ownPage(given: GivenOut): Headers {
  return [...sameOrigin(given), [PAGE_HEADER, given.page]];
}

export interface BadCredential {
  name: string;
  headers: Headers;
  /** Added to the path. */
  query?: string;
  /** It is known, and not for this: 403 is as good as 401. */
  isKnown?: true;
}

const bearer = (token: string) => ["Authorization", `Bearer ${token}`] as const;

/** A Luna that has given out one of each. */
export async function giveOut(options: Parameters<typeof startLuna>[0] = {}): Promise<GivenOut> {
  const luna = await startLuna(options);
  const session = await luna.signIn();
  const revoked = await luna.signIn();
  const out = await fetch(`${luna.url}/auth/logout`, {
    method: "POST",
    headers: { Cookie: revoked, Origin: luna.url },
  });
  if (!out.ok) throw new Error(`Cannot sign out: ${await out.text()}`);
  const made = await luna.control("/mcp-servers/create", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: MCP_SERVER }),
  });
  const { api_key: serverKey } = McpServerKey.parse(await made.json());
  const { access_token: accessToken } = await connectClient(luna, session);
  const page = await luna.pageToken(session);
  return { luna, session, revoked, page, serverKey, accessToken };
}

/** The one right credential on the process's own port. */
export function rightHeaders({ router, access, path }: ClassifiedRoute, given: GivenOut): Headers {
  const { credentials } = given.luna;
  if (access === "session") {
    const host = ["X-Forwarded-Host", new URL(given.luna.url).host] as const;
    const navigation = ["Sec-Fetch-Mode", "navigate"] as const;
    // A person goes there; no page of the Hub asks.
    const more = path === "/api/authorize" ? [navigation] : [];
    return [["Cookie", given.session], ...ownPage(given), host, ...more];
  }
  if (access === "server_key") return [bearer(given.serverKey)];
  if (access === "access_token") return [bearer(given.accessToken)];
  if (router === "agent") return [bearer(credentials.agentKey)];
  if (path === "/oauth/access") return [bearer(credentials.tokenCheck)];
  if (router === "auth") return [bearer(credentials.authToken)];
  if (/^\/(tool-hosts\/|api-key-uses$)/.test(path)) return [bearer(credentials.toolHostToken)];
  return [bearer(credentials.supervisorToken)];
}

/** What processes or proxies of other programs believe when it stands in a header. */
const FORGED: Headers = [
  ["X-Luna-Identity", "owner"],
  ["X-Luna-User", "owner"],
  ["X_Luna_Identity", "owner"],
  ["X-Luna-Upstream", "127.0.0.1:9999"],
  ["X-Forwarded-User", "owner"],
  ["X-Forwarded-For", "127.0.0.1"],
  ["X-Forwarded-Host", "127.0.0.1"],
  ["X-Forwarded-Uri", "/auth/methods"],
  ["X-Original-URL", "/healthz"],
  ["X-Rewrite-URL", "/healthz"],
  ["X-Real-IP", "127.0.0.1"],
  ["X-Request-From", "internal"],
  ["Remote-User", "owner"],
];

function anyone(): BadCredential[] {
  return [
    { name: "nothing", headers: [] },
    { name: "a wrong token", headers: [bearer("wrong")] },
    { name: "an empty token", headers: [["Authorization", "Bearer "]] },
    { name: "a very long token", headers: [bearer("a".repeat(8000))] },
    { name: "a token with odd bytes", headers: [bearer("\xff\xfe'\"--;$(id)")] },
    { name: "a made-up session", headers: [["Cookie", `luna_session=${"A".repeat(43)}`]] },
    { name: "a broken session", headers: [["Cookie", "luna_session=%00;luna_session='--"]] },
    { name: "forged identities", headers: FORGED },
    {
      name: "another method in a header",
      headers: [
        ["X-HTTP-Method-Override", "GET"],
        ["X-Method-Override", "OPTIONS"],
      ],
    },
  ];
}

/** The right secret, in places where it does not count. */
function misplaced(right: Headers): BadCredential[] {
  const [, value = ""] = right[0] ?? [];
  const secret = value.replace(/^(Bearer |\w+=)/, "");
  return [
    {
      name: "the secret in the query",
      headers: [],
      query: `token=${secret}&access_token=${secret}`,
    },
    {
      name: "the secret as a password",
      headers: [["Authorization", `Basic ${btoa(`owner:${secret}`)}`]],
    },
    { name: "the secret without a scheme", headers: [["Authorization", secret]] },
    { name: "the secret cut by one", headers: [bearer(secret.slice(0, -1))] },
    { name: "the secret and another", headers: [bearer("wrong"), bearer(secret)] },
    { name: "the secret in another case", headers: [bearer(secret.toLowerCase())] },
  ];
}

/** What this Luna gave out for other doors, and what another Luna gave out for this one. */
function ofOthers(given: GivenOut, other: GivenOut): BadCredential[] {
  const { credentials, home } = given.luna;
  const signed = signAssertion(
    { subject: "owner", name: "owner", session: "0123456789abcdef" },
    { key: assertionKey(credentials.authToken), now: Date.now() },
  );
  const { serverKey, accessToken } = given;
  const secrets = { ...credentials, serverKey, accessToken, home };
  const foreign = {
    ...other.luna.credentials,
    ...{ serverKey: other.serverKey, accessToken: other.accessToken },
  };
  return [
    ...Object.entries(secrets).map(([name, secret]) => ({
      name: `this Luna's ${name}`,
      headers: [bearer(secret)],
    })),
    ...Object.entries(foreign).map(([name, secret]) => ({
      name: `another Luna's ${name}`,
      headers: [bearer(secret)],
    })),
    { name: "a session that was ended", headers: [["Cookie", given.revoked]] },
    { name: "another Luna's session", headers: [["Cookie", other.session]] },
    { name: "a session", headers: [["Cookie", given.session]] },
    { name: "a signed identity alone", headers: [["X-Luna-Identity", signed]] },
  ];
}

const CLASSES_WITH_SECRET: readonly Access[] = ["token", "session", "server_key", "access_token"];

/** All that must not open `route`. */
export function badCredentials(
  route: ClassifiedRoute,
  given: GivenOut,
  other: GivenOut,
): BadCredential[] {
  const right = rightHeaders(route, given);
  const values = new Set(right.slice(0, 1).map(([, value]) => value));
  // Opens every named server, for the bridge of this machine's owner.
  if (route.access === "server_key") values.add(`Bearer ${given.luna.credentials.mcpToken}`);
  // Caddy's, once it had a session checked.
  if (route.router === "agent") values.add(`Bearer ${given.luna.credentials.edgeToken}`);
  const cases = [
    ...anyone(),
    ...(CLASSES_WITH_SECRET.includes(route.access) ? misplaced(right) : []),
    ...ofOthers(given, other),
  ];
  const agentKey = `Bearer ${given.luna.credentials.agentKey}`;
  return cases
    .filter(({ headers }) => !headers.some(([, value]) => values.has(value)))
    .map((one) =>
      route.access === "server_key" && one.headers.some(([, value]) => value === agentKey)
        ? { ...one, isKnown: true }
        : one,
    );
}
