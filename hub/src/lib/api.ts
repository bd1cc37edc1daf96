/** The typed client of the control API and of sign-in: one function for each thing the Hub asks for. */
import { hc } from "hono/client";
import type { ApiKeyList, CreateApiKey, NewApiKey } from "../../../src/contract/api-keys.ts";
import type { AuditOutcome, AuditPage } from "../../../src/contract/audit.ts";
import type {
  GithubAccountView,
  Me,
  PasskeyList,
  PasskeyRegistration,
  PasskeySignIn,
  PassphraseChange,
  PassphraseView,
  SessionView,
  SignInMethods,
} from "../../../src/contract/auth.ts";
import type { McpServerKey, McpServerView } from "../../../src/contract/mcp-servers.ts";
import type { ConsentDecision, OAuthClientView } from "../../../src/contract/oauth.ts";
import type { Overview } from "../../../src/contract/process.ts";
import type {
  EnvUpload,
  RequiredSecrets,
  SecretChanged,
  SecretList,
} from "../../../src/contract/secrets.ts";
import type { ExecuteAnswer, ToolView } from "../../../src/contract/tool.ts";
import type { AgentApp } from "../../../src/services/agent/app.ts";
import type { AuthApp } from "../../../src/services/auth/app.ts";
import type { SupervisorApp } from "../../../src/supervisor/api/app.ts";
import { refused, unreachable } from "./api-error.ts";
import { withPageToken } from "./page-token.ts";

const REQUEST_TIMEOUT_MS = 15_000;
/** A tool has its own limit on the server; this is for a connection that died meanwhile. */
const TOOL_TIMEOUT_MS = 15 * 60_000;

/** Only successes come back; everything else is thrown as an ApiError. Every request says which page it is from. */
function checkedFetch(timeoutMs: number) {
  return async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers: withPageToken(init.headers), signal });
    } catch (cause) {
      // Who cancelled knows it: TanStack Query and the Stop button look for the abort itself.
      if (init.signal?.aborted) throw cause;
      throw unreachable(cause);
    }
    if (!response.ok) throw await refused(response);
    return response;
  };
}

const supervisor = hc<SupervisorApp>("/api/supervisor", {
  fetch: checkedFetch(REQUEST_TIMEOUT_MS),
});
const agent = hc<AgentApp>("/api/agent", { fetch: checkedFetch(REQUEST_TIMEOUT_MS) });
const auth = hc<AuthApp>("/", { fetch: checkedFetch(REQUEST_TIMEOUT_MS) });

export async function fetchOverview(signal: AbortSignal): Promise<Overview> {
  return await (await supervisor.overview.$get({}, { init: { signal } })).json();
}

export async function restartService(name: string) {
  return await (await supervisor.services[":name"].restart.$post({ param: { name } })).json();
}

export async function fetchTools(
  signal: AbortSignal,
): Promise<{ tools: ToolView[]; problems: string[] }> {
  return await (await supervisor.tools.all.$get({}, { init: { signal } })).json();
}

export async function executeTool(call: {
  tool: string;
  arguments: Record<string, unknown>;
  signal: AbortSignal;
}): Promise<ExecuteAnswer> {
  const request = { param: { tool: call.tool }, json: call.arguments };
  const answer = await supervisor.tools.execute[":tool"].$post(request, {
    fetch: checkedFetch(TOOL_TIMEOUT_MS),
    init: { signal: call.signal },
  });
  return await answer.json();
}

export async function fetchMcpServers(signal: AbortSignal): Promise<McpServerView[]> {
  const answer = await supervisor["mcp-servers"].list.$get({}, { init: { signal } });
  return (await answer.json()).servers;
}

export async function createMcpServer(name: string): Promise<McpServerKey> {
  return await (await supervisor["mcp-servers"].create.$post({ json: { name } })).json();
}

export async function regenerateMcpKey(name: string): Promise<McpServerKey> {
  const server = supervisor["mcp-servers"][":name"];
  return await (await server["regenerate-key"].$post({ param: { name }, json: {} })).json();
}

export async function deleteMcpServer(name: string) {
  return await (await supervisor["mcp-servers"][":name"].$delete({ param: { name } })).json();
}

export async function fetchConnect(signal: AbortSignal) {
  return await (await supervisor.connect.$get({}, { init: { signal } })).json();
}

export async function fetchAgentKey() {
  return (await (await supervisor.agents["api-key"].$get()).json()).api_key;
}

/** A new `AGENT_API_KEY`; the one before goes on for the grace. */
export async function regenerateAgentKey(grace_s: number): Promise<string> {
  const answer = await supervisor.agents["regenerate-key"].$post({ json: { grace_s } });
  return (await answer.json()).api_key;
}

/** The names of the agents. */
export async function fetchAgents(signal: AbortSignal): Promise<string[]> {
  const answer = await agent.v1.models.$get({}, { init: { signal } });
  return (await answer.json()).data.map(({ id }) => id);
}

export async function fetchApiKeys(signal: AbortSignal): Promise<ApiKeyList> {
  return await (await supervisor["api-keys"].$get({}, { init: { signal } })).json();
}

export async function createApiKey(request: CreateApiKey): Promise<NewApiKey> {
  return await (await supervisor["api-keys"].$post({ json: request })).json();
}

export async function rotateApiKey({ id, grace_s }: { id: string; grace_s: number }) {
  const key = supervisor["api-keys"][":id"];
  const answer = await key.rotate.$post({ param: { id }, json: { grace_s } });
  return await answer.json();
}

export async function revokeApiKey(id: string) {
  return await (await supervisor["api-keys"][":id"].$delete({ param: { id } })).json();
}

export async function fetchSecrets(signal: AbortSignal): Promise<SecretList> {
  return await (await supervisor.keys.list.$get({}, { init: { signal } })).json();
}

export async function fetchRequiredSecrets(signal: AbortSignal): Promise<RequiredSecrets> {
  return await (await supervisor.keys.required.$get({}, { init: { signal } })).json();
}

export async function setSecret(json: { key: string; value: string }): Promise<SecretChanged> {
  return await (await supervisor.keys.set.$post({ json })).json();
}

export async function deleteSecret(key: string): Promise<SecretChanged> {
  return await (await supervisor.keys.delete.$post({ json: { key } })).json();
}

export async function revealSecret(key: string): Promise<string> {
  return (await (await supervisor.keys.reveal.$post({ json: { key } })).json()).value;
}

/** Without `apply` only shows what it would change. */
export async function uploadEnv(form: { file: File; apply?: string }): Promise<EnvUpload> {
  return await (await supervisor.keys["upload-env"].$post({ form })).json();
}

export async function fetchActivity(query: {
  action?: string;
  outcome?: AuditOutcome;
  text?: string;
  cursor?: string;
  signal: AbortSignal;
}): Promise<AuditPage> {
  const { signal, ...wanted } = query;
  return await (await auth.auth.audit.$get({ query: wanted }, { init: { signal } })).json();
}

export async function fetchSignInMethods(signal: AbortSignal): Promise<SignInMethods> {
  return await (await auth.auth.methods.$get({}, { init: { signal } })).json();
}

export async function signInWithLink(token: string) {
  return await (await auth.auth.link.$post({ json: { token } })).json();
}

export async function signInWithPassphrase(passphrase: string) {
  return await (await auth.auth.passphrase.$post({ json: { passphrase } })).json();
}

export async function fetchPasskeyChallenge() {
  return await (await auth.auth.passkey.options.$post()).json();
}

export async function signInWithPasskey(credential: PasskeySignIn["credential"]) {
  return await (await auth.auth.passkey.$post({ json: { credential } })).json();
}

export async function fetchMe(signal: AbortSignal): Promise<Me> {
  return await (await auth.auth.me.$get({}, { init: { signal } })).json();
}

export async function fetchSessions(signal: AbortSignal): Promise<SessionView[]> {
  return (await (await auth.auth.account.sessions.$get({}, { init: { signal } })).json()).sessions;
}

export async function endSession(id: string) {
  return await (await auth.auth.account.sessions[":id"].$delete({ param: { id } })).json();
}

export async function endOtherSessions() {
  return await (await auth.auth.account.sessions.$delete()).json();
}

export async function fetchPassphrase(signal: AbortSignal): Promise<PassphraseView> {
  return await (await auth.auth.account.passphrase.$get({}, { init: { signal } })).json();
}

export async function changePassphrase(change: PassphraseChange) {
  return await (await auth.auth.account.passphrase.$put({ json: change })).json();
}

export async function removePassphrase(current: string) {
  return await (await auth.auth.account.passphrase.$delete({ json: { current } })).json();
}

export async function fetchPasskeys(signal: AbortSignal): Promise<PasskeyList> {
  return await (await auth.auth.account.passkeys.$get({}, { init: { signal } })).json();
}

export async function fetchNewPasskeyChallenge() {
  return await (await auth.auth.account.passkeys.options.$post()).json();
}

export async function addPasskey(passkey: PasskeyRegistration) {
  return await (await auth.auth.account.passkeys.$post({ json: passkey })).json();
}

export async function renamePasskey({ id, name }: { id: string; name: string }) {
  const passkey = auth.auth.account.passkeys[":id"];
  return await (await passkey.$patch({ param: { id }, json: { name } })).json();
}

export async function removePasskey(id: string) {
  return await (await auth.auth.account.passkeys[":id"].$delete({ param: { id } })).json();
}

export async function fetchGithubAccounts(signal: AbortSignal): Promise<GithubAccountView[]> {
  return (await (await auth.auth.account.github.$get({}, { init: { signal } })).json()).accounts;
}

export async function forgetGithubAccount(github_id: number) {
  const param = { id: String(github_id) };
  return await (await auth.auth.account.github[":id"].$delete({ param })).json();
}

/** What the owner is asked about a client. */
export async function fetchConsent({ id, signal }: { id: string; signal: AbortSignal }) {
  const request = auth.auth.account.oauth.requests[":id"];
  const answer = await request.$get({ param: { id } }, { init: { signal } });
  return await answer.json();
}

export async function decideConsent({ id, ...json }: { id: string } & ConsentDecision) {
  const request = auth.auth.account.oauth.requests[":id"];
  return await (await request.$post({ param: { id }, json })).json();
}

export async function fetchOAuthClients(signal: AbortSignal): Promise<OAuthClientView[]> {
  const answer = await auth.auth.account.oauth.clients.$get({}, { init: { signal } });
  return (await answer.json()).clients;
}

export async function removeOAuthClient(client_id: string) {
  const answer = await auth.auth.account.oauth.clients.$delete({ query: { client_id } });
  return await answer.json();
}

export async function signOut() {
  return await (await auth.auth.logout.$post()).json();
}
