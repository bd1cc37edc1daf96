/** Goes the way of an MCP client from its first request to its first call, step by step, until one fails. */
import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { DoctorStep, StepFinding } from "../contract/mcp-doctor.ts";
import { MCP_PATH, SERVER_METADATA_PATH, TOOLS_SCOPE } from "../contract/oauth.ts";
import { isPublicAddress } from "../lib/public-address.ts";
import { type Answer, type Asked, askAs } from "./ask.ts";
import type { ClientProfile } from "./profiles.ts";
import { answerFault, failed, ok, silenceFault } from "./strangers.ts";

const TOKEN_BYTES = 32;
const AS_JSON = { "Content-Type": "application/json" };
const FOR_MCP = { ...AS_JSON, Accept: "application/json, text/event-stream" };
const CHALLENGE = /^Bearer\s/i;
const METADATA_IN = /resource_metadata="([^"]+)"/;
/** What Luna says of a token that it does not know, and not of one that did not reach it. */
const INVALID_TOKEN = /error="invalid_token"/;

const ResourceMetadata = z.looseObject({
  resource: z.string(),
  authorization_servers: z.array(z.url()).min(1),
});
const ServerMetadata = z.looseObject({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  registration_endpoint: z.url(),
  code_challenge_methods_supported: z.array(z.string()),
});
const Registered = z.looseObject({ client_id: z.string().min(1) });
const OAuthFault = z.looseObject({ error: z.string() });
const ToolList = z.looseObject({ result: z.looseObject({ tools: z.array(z.unknown()) }) });

/** A named server that is there for the moment, to make a call to. */
export interface TrialServer {
  url: string;
  api_key: string;
}

export interface Played {
  findings: StepFinding[];
  /** The client that was registered, to be removed. */
  client_id: string | undefined;
}

/** Ends the way: what comes after this step would say nothing. */
class StepFailed extends Error {
  readonly finding: StepFinding;

  constructor(finding: StepFinding) {
    super(finding.title);
    this.finding = finding;
  }
}

const secret = (): string => randomBytes(TOKEN_BYTES).toString("base64url");

function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || /^127\.|^\[::1\]$/.test(hostname);
}

function isPrivateAddress(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  return /^[\d.]+$|:/.test(bare) && !isPublicAddress(bare);
}

class Way {
  readonly findings: StepFinding[] = [];
  client_id: string | undefined;
  readonly #origin: string;
  readonly #profile: ClientProfile;
  readonly #trial: TrialServer;

  constructor(origin: string, profile: ClientProfile, trial: TrialServer) {
    this.#origin = origin;
    this.#profile = profile;
    this.#trial = trial;
  }

  async go(): Promise<void> {
    this.#reach();
    const metadata = await this.#challenge();
    const server = await this.#server(await this.#resource(metadata));
    const client_id = await this.#register(server.registration_endpoint);
    const verifier = secret();
    await this.#signIn(server.authorization_endpoint, { client_id, verifier });
    await this.#token(server.token_endpoint, { client_id, verifier });
    await this.#header();
    await this.#call();
  }

  #good(step: DoctorStep, title: string): void {
    this.findings.push(ok(step, title));
  }

  #bad(step: DoctorStep, fault: Omit<StepFinding, "step" | "status">): never {
    throw new StepFailed(failed(step, fault));
  }

  async #ask(step: DoctorStep, address: string, init: RequestInit = {}): Promise<Answer> {
    const asked: Asked = await askAs(this.#profile.userAgent, address, init);
    return asked.kind === "answer" ? asked : this.#bad(step, silenceFault(asked));
  }

  /** An address with another origin than the one that was asked: somebody in between changed the Host. */
  #requireOrigin(step: DoctorStep, address: string, what: string): void {
    if (new URL(address).origin === this.#origin) return;
    this.#bad(step, {
      title: `${what} is ${address}, and clients were told ${this.#origin}: they go where it is not`,
      whose: "in_front",
      fix: "Make what stands in front of Luna keep Host as it came (and X-Forwarded-Host, X-Forwarded-Proto), or set PUBLIC_DOMAIN to the name that clients use",
    });
  }

  /** What can be known without asking anybody. */
  #reach(): void {
    const { label, isInCloud, otherwise } = this.#profile;
    const { protocol, hostname } = new URL(this.#origin);
    const isLocal = isLoopbackName(hostname) || isPrivateAddress(hostname);
    if (!isInCloud || (!isLocal && protocol === "https:")) {
      this.#good("reach", `${label} may reach ${this.#origin}`);
      return;
    }
    this.findings.push({
      ...{ step: "reach", status: "warn", whose: "client" },
      title: `${label} connects from its maker's servers: they reach only a public https address, and this is ${this.#origin}`,
      fix: `Give Luna a public address (deployment_mode and PUBLIC_DOMAIN); ${otherwise}`,
    });
  }

  async #challenge(): Promise<string> {
    const answer = await this.#mcp("challenge", `${this.#origin}${MCP_PATH}`, {}, this.#hello());
    if (answer.status !== 401) this.#bad("challenge", answerFault(answer));
    const header = answer.headers.get("WWW-Authenticate") ?? "";
    const metadata = METADATA_IN.exec(header)?.[1];
    if (!CHALLENGE.test(header) || metadata === undefined || !URL.canParse(metadata)) {
      this.#bad("challenge", {
        title: "The answer 401 does not say where to sign in: its WWW-Authenticate is gone",
        whose: "in_front",
        fix: "Make what stands in front of Luna pass WWW-Authenticate on, and not ask for a password by itself",
      });
    }
    this.#requireOrigin("challenge", metadata, "Where to learn how to sign in");
    this.#good("challenge", "Who comes without a token is told where to sign in");
    return metadata;
  }

  async #resource(address: string): Promise<string> {
    const answer = await this.#ask("resource", address, {
      headers: { Accept: "application/json" },
    });
    const metadata = ResourceMetadata.safeParse(answer.json).data;
    if (answer.status !== 200 || metadata === undefined) this.#bad("resource", answerFault(answer));
    const { resource, authorization_servers } = metadata;
    this.#requireOrigin("resource", resource, "The server's own address");
    const [issuer = ""] = authorization_servers;
    this.#requireOrigin("resource", issuer, "Where tokens come from");
    this.#good("resource", `The server calls itself ${resource}`);
    return issuer;
  }

  async #server(issuer: string): Promise<z.infer<typeof ServerMetadata>> {
    const address = new URL(SERVER_METADATA_PATH, issuer).href;
    const answer = await this.#ask("server", address, { headers: { Accept: "application/json" } });
    const metadata = ServerMetadata.safeParse(answer.json).data;
    if (answer.status !== 200 || metadata === undefined) this.#bad("server", answerFault(answer));
    const { authorization_endpoint, token_endpoint, registration_endpoint } = metadata;
    for (const endpoint of [authorization_endpoint, token_endpoint, registration_endpoint]) {
      this.#requireOrigin("server", endpoint, "An address of the sign-in");
    }
    const isSafe = metadata.code_challenge_methods_supported.includes("S256");
    if (metadata.issuer !== issuer || !isSafe) this.#bad("server", answerFault(answer));
    this.#good("server", "It is said where clients register, sign in and get tokens");
    return metadata;
  }

  async #register(address: string): Promise<string> {
    const { label, redirect_uris } = this.#profile;
    const answer = await this.#ask("register", address, {
      method: "POST",
      headers: AS_JSON,
      body: JSON.stringify({
        client_name: `${label}, played by luna mcp doctor`,
        redirect_uris,
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
      }),
    });
    const registered = Registered.safeParse(answer.json).data;
    if (answer.status !== 201 || registered === undefined)
      this.#bad("register", answerFault(answer));
    this.client_id = registered.client_id;
    this.#good("register", `${label} may register with ${redirect_uris.join(" and ")}`);
    return registered.client_id;
  }

  /** Only its owner can allow a client something: the way ends at the page that asks for a sign-in. */
  async #signIn(
    address: string,
    { client_id, verifier }: { client_id: string; verifier: string },
  ): Promise<void> {
    const url = new URL(address);
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const [redirect_uri] = this.#profile.redirect_uris;
    const query = {
      ...{ response_type: "code", client_id, redirect_uri, state: secret(), scope: TOOLS_SCOPE },
      ...{ code_challenge: challenge, code_challenge_method: "S256" },
      resource: `${this.#origin}${MCP_PATH}`,
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = {
      ...{ Accept: "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" },
      "Sec-Fetch-Site": "none",
    };
    const sent = await this.#ask("sign_in", url.href, { headers });
    const to = sent.headers.get("Location");
    if (sent.status !== 302 || to === null) this.#bad("sign_in", answerFault(sent));
    const page = new URL(to, this.#origin);
    this.#requireOrigin("sign_in", page.href, "The page to sign in at");
    const shown = await this.#ask("sign_in", page.href, { headers });
    if (shown.status !== 200 || !shown.text.includes("<html"))
      this.#bad("sign_in", answerFault(shown));
    this.#good("sign_in", "The browser comes to Luna's page to sign in, where you allow it or not");
  }

  async #token(
    address: string,
    { client_id, verifier }: { client_id: string; verifier: string },
  ): Promise<void> {
    const [redirect_uri] = this.#profile.redirect_uris;
    const answer = await this.#ask("token", address, {
      method: "POST",
      body: new URLSearchParams({
        ...{ grant_type: "authorization_code", code: secret(), code_verifier: verifier },
        ...{ client_id, redirect_uri, resource: `${this.#origin}${MCP_PATH}` },
      }),
    });
    const said = OAuthFault.safeParse(answer.json).data?.error;
    if (answer.status !== 400 || said !== "invalid_grant") this.#bad("token", answerFault(answer));
    this.#good(
      "token",
      "Tokens are given for good codes, and a wrong one is refused as it should be",
    );
  }

  /** A token that Luna does not know comes back as invalid, if it comes to Luna at all. */
  async #header(): Promise<void> {
    const Authorization = `Bearer luna-at-${randomBytes(TOKEN_BYTES).toString("base64url")}`;
    const address = `${this.#origin}${MCP_PATH}`;
    const answer = await this.#mcp("header", address, { Authorization }, this.#hello());
    if (answer.status !== 401) this.#bad("header", answerFault(answer));
    if (!INVALID_TOKEN.test(answer.headers.get("WWW-Authenticate") ?? "")) {
      this.#bad("header", {
        title: "Authorization does not arrive: Luna was asked without a token where one was sent",
        whose: "in_front",
        fix: "Make what stands in front of Luna pass Authorization on, and not use it for a login of its own",
      });
    }
    this.#good("header", "Tokens arrive at Luna");
  }

  async #call(): Promise<void> {
    const { url, api_key } = this.#trial;
    const headers = { Authorization: `Bearer ${api_key}` };
    const first = await this.#mcp("call", url, headers, this.#hello());
    if (first.status !== 200) this.#bad("call", answerFault(first));
    const session = first.headers.get("Mcp-Session-Id");
    const of = session === null ? {} : { "Mcp-Session-Id": session };
    const asked = { ...headers, ...of, "MCP-Protocol-Version": this.#profile.protocol };
    const list = { jsonrpc: "2.0", id: 2, method: "tools/list", params: {} };
    const answer = await this.#mcp("call", url, asked, list);
    const tools = ToolList.safeParse(answer.json).data?.result.tools;
    if (answer.status !== 200 || tools === undefined) this.#bad("call", answerFault(answer));
    if (session !== null) await this.#ask("call", url, { method: "DELETE", headers: asked });
    this.#good("call", `With a key, ${tools.length} tools are listed`);
  }

  #mcp(step: DoctorStep, url: string, headers: Record<string, string>, message: object) {
    return this.#ask(step, url, {
      method: "POST",
      headers: { ...FOR_MCP, ...headers },
      body: JSON.stringify(message),
    });
  }

  #hello(): object {
    const { label, protocol } = this.#profile;
    return {
      ...{ jsonrpc: "2.0", id: 1, method: "initialize" },
      params: {
        ...{ protocolVersion: protocol, capabilities: {} },
        clientInfo: { name: `${label}, played by luna mcp doctor`, version: "1" },
      },
    };
  }
}

/** Plays the client against the Luna at `origin`, as somebody from outside. */
export async function playClient(
  origin: string,
  profile: ClientProfile,
  trial: TrialServer,
): Promise<Played> {
  const way = new Way(new URL(origin).origin, profile, trial);
  try {
    await way.go();
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    way.findings.push(error.finding);
  }
  return { findings: way.findings, client_id: way.client_id };
}
