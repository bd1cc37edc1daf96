/** A stand-in for GitHub: a real HTTP server that speaks its OAuth and user API as documented, errors included. */
import { createHash, randomBytes } from "node:crypto";
import { GithubRepositoriesStandIn } from "./github-repositories.ts";

interface GithubUser {
  id: number;
  login: string;
}

/** What the next request of an endpoint gets instead of the true answer. */
export type Fault =
  | { status: number; body: string; type?: string; headers?: Record<string, string> }
  /** Never answers. */
  | { hang: true };

type Endpoint = "authorize" | "token" | "user";

interface Request {
  endpoint: Endpoint;
  headers: Headers;
  /** Query or form. */
  parameters: Record<string, string>;
}

export interface GithubStandIn {
  url: string;
  apiUrl: string;
  /** The variables that make a Luna use it. */
  variables: Record<string, string>;
  /** Those that make it only fetch from there, and sign nobody in. */
  sourceVariables: Record<string, string>;
  /** Who is signed in at GitHub, in every browser. */
  user: GithubUser;
  /** What the person chooses at the consent page, which GitHub skips for who has agreed before. */
  consents: boolean;
  /** The callback URL that the application is registered with; undefined takes any. */
  callbackUrl: string | undefined;
  requests: Request[];
  /** What can be fetched: `repositories.repository({ owner, name, files })`. */
  repositories: GithubRepositoriesStandIn;
  /** Every token that was handed out. */
  tokens: string[];
  /** The next request of `endpoint` fails like this. */
  fail(endpoint: Endpoint, fault: Fault): void;
  stop(): Promise<void>;
}

interface Grant {
  clientId: string;
  redirectUri: string;
  challenge: string | null;
  user: GithubUser;
}

const CLIENT_ID = "Ov23liStandInStandIn";
const CLIENT_SECRET = "5ec12e7000000000000000000000000000stand";
const NEVER = new Promise<never>(() => undefined);

const oauthError = (error: string, error_description: string): Response =>
  // GitHub answers 200 with errors of this endpoint.
  Response.json({
    error,
    error_description,
    error_uri: "https://docs.github.com/apps/troubleshooting",
  });

interface StandInOptions {
  /** An Enterprise Server, which has its API at a path of its own name. */
  enterprise?: boolean;
  /** Where the server lives below its name. */
  path?: string;
}

/** Starts a stand-in on a free port of loopback. */
export function startGithubStandIn(options: StandInOptions = {}): GithubStandIn {
  const { enterprise = false, path = "" } = options;
  const faults = new Map<Endpoint, Fault>();
  const codes = new Map<string, Grant>();
  const users = new Map<string, GithubUser>();

  const authorize = (url: URL): Response => {
    const { searchParams: query } = url;
    const state = query.get("state") ?? "";
    const redirectUri = query.get("redirect_uri") ?? standIn.callbackUrl ?? "";
    if (query.get("client_id") !== CLIENT_ID) return new Response("Not Found", { status: 404 });
    const back = new URL(standIn.callbackUrl ?? redirectUri);
    const refuse = (error: string, error_description: string): Response => {
      const said = { error, error_description, error_uri: "https://docs.github.com/", state };
      for (const [name, value] of Object.entries(said)) back.searchParams.set(name, value);
      return Response.redirect(back.href, 302);
    };
    if (standIn.callbackUrl !== undefined && redirectUri !== standIn.callbackUrl) {
      return refuse(
        "redirect_uri_mismatch",
        "The redirect_uri MUST match the registered callback URL for this application.",
      );
    }
    if (!standIn.consents)
      return refuse("access_denied", "The user has denied your application access.");
    const code = randomBytes(10).toString("hex");
    const challenge = query.get("code_challenge");
    codes.set(code, { clientId: CLIENT_ID, redirectUri, challenge, user: standIn.user });
    back.searchParams.set("code", code);
    back.searchParams.set("state", state);
    return Response.redirect(back.href, 302);
  };

  const token = (form: URLSearchParams, headers: Headers): Response => {
    if (form.get("client_id") !== CLIENT_ID)
      return Response.json({ error: "Not Found" }, { status: 404 });
    if (form.get("client_secret") !== CLIENT_SECRET) {
      return oauthError(
        "incorrect_client_credentials",
        "The client_id and/or client_secret passed are incorrect.",
      );
    }
    const code = form.get("code") ?? "";
    const grant = codes.get(code);
    codes.delete(code);
    const proof = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (grant === undefined || (grant.challenge !== null && grant.challenge !== proof)) {
      return oauthError("bad_verification_code", "The code passed is incorrect or expired.");
    }
    if (form.get("redirect_uri") !== grant.redirectUri) {
      return oauthError(
        "redirect_uri_mismatch",
        "The redirect_uri MUST match the registered callback URL for this application.",
      );
    }
    const access_token = `gho_${randomBytes(18).toString("hex")}`;
    users.set(access_token, grant.user);
    standIn.tokens.push(access_token);
    const answer = { access_token, token_type: "bearer", scope: "read:user" };
    if (headers.get("Accept")?.includes("json") === true) return Response.json(answer);
    return new Response(new URLSearchParams(answer), {
      headers: { "Content-Type": "application/x-www-form-urlencoded; charset=utf-8" },
    });
  };

  const user = (headers: Headers): Response => {
    const documentation_url = "https://docs.github.com/rest";
    if (!headers.has("User-Agent")) {
      return new Response("Request forbidden by administrative rules.", { status: 403 });
    }
    const found = users.get(headers.get("Authorization")?.replace(/^Bearer /, "") ?? "");
    if (found === undefined) {
      const message = "Bad credentials";
      return Response.json({ message, documentation_url, status: "401" }, { status: 401 });
    }
    const { id, login } = found;
    return Response.json({
      ...{ login, id, node_id: "MDQ6VXNlcjE=", type: "User", site_admin: false },
      ...{ avatar_url: "", html_url: `https://github.com/${login}`, name: null, email: null },
      ...{ created_at: "2011-01-25T18:44:36Z", updated_at: "2026-11-01T00:00:00Z" },
    });
  };

  const answer = async (request: globalThis.Request): Promise<Response> => {
    const url = new URL(request.url);
    const { headers } = request;
    if (url.pathname.startsWith(`${apiPath}/repos/`)) {
      return repositories.answer(request, url.pathname.slice(`${apiPath}/repos`.length));
    }
    const form = new URLSearchParams(request.method === "POST" ? await request.text() : "");
    const routes: Record<string, [Endpoint, () => Response]> = {
      [`GET ${path}/login/oauth/authorize`]: ["authorize", () => authorize(url)],
      [`POST ${path}/login/oauth/access_token`]: ["token", () => token(form, headers)],
      [`GET ${apiPath}/user`]: ["user", () => user(headers)],
    };
    const route = routes[`${request.method} ${url.pathname}`];
    if (route === undefined) return Response.json({ message: "Not Found" }, { status: 404 });
    const [endpoint, respond] = route;
    const parameters = Object.fromEntries([...url.searchParams, ...form]);
    standIn.requests.push({ endpoint, headers, parameters });
    const fault = faults.get(endpoint);
    faults.delete(endpoint);
    if (fault === undefined) return respond();
    if ("hang" in fault) return NEVER;
    const { status, body, type = "application/json" } = fault;
    return new Response(body, { status, headers: { "Content-Type": type, ...fault.headers } });
  };

  const repositories = new GithubRepositoriesStandIn();
  const apiPath = enterprise ? `${path}/api/v3` : "/api-host";
  const server = Bun.serve({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 0, development: false },
    fetch: answer,
    error: (error) => new Response(String(error), { status: 500 }),
  });
  const origin = `http://127.0.0.1:${server.port}`;
  const standIn: GithubStandIn = {
    url: origin + path,
    apiUrl: origin + apiPath,
    variables: {
      GITHUB_CLIENT_ID: CLIENT_ID,
      GITHUB_CLIENT_SECRET: CLIENT_SECRET,
      GITHUB_URL: origin + path,
      ...(enterprise ? {} : { GITHUB_API_URL: origin + apiPath }),
    },
    sourceVariables: { GITHUB_URL: origin + path, GITHUB_API_URL: origin + apiPath },
    user: { id: 583_231, login: "Octocat" },
    consents: true,
    callbackUrl: undefined,
    requests: [],
    repositories,
    tokens: [],
    fail: (endpoint, fault) => {
      faults.set(endpoint, fault);
    },
    stop: async () => {
      await repositories.stop();
      await server.stop(true);
    },
  };
  return standIn;
}
