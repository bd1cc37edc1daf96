/** GitHub's side of signing in: its page to authorise at, and who came back from there (docs.github.com, "Authorizing OAuth apps"). */
import { CodeChallengeMethod, generateCodeVerifier, OAuth2Client } from "arctic";
import { z } from "zod";
import type { GithubSettings } from "../../config/github.ts";
import type { SignInProblemCode } from "../../contract/sign-in-problem.ts";
import { messageOf } from "../../lib/errors.ts";

/** For each of the two calls, which together must end before auth's own answer is due. */
const TIMEOUT_MS = 4_000;
const ANSWER_BYTES_MAX = 64 * 1024;
/** Public facts of the person's own account; all that is read is who they are. */
const SCOPES = ["read:user"];
const API_VERSION = "2022-11-28";
const USER_AGENT = "Luna";

const TokenAnswer = z.union([
  z.looseObject({ access_token: z.string().min(1).max(1000) }),
  // GitHub answers 200 with these too.
  z.looseObject({ error: z.string() }),
]);

const UserAnswer = z.looseObject({
  id: z.int().positive(),
  login: z.string().min(1).max(100),
});

/** The account that authorised; the number never changes, the name may. */
export interface GithubAccount {
  github_id: number;
  login: string;
}

/** Why it did not work; the message is for the log. */
export class GithubFailure extends Error {
  readonly code: SignInProblemCode;

  constructor(code: SignInProblemCode, message: string) {
    super(message);
    this.name = "GithubFailure";
    this.code = code;
  }
}

/** What GitHub's page and its token endpoint call things. */
const ERRORS: Readonly<Record<string, SignInProblemCode>> = {
  access_denied: "github_cancelled",
  application_suspended: "github_suspended",
  redirect_uri_mismatch: "github_redirect",
  incorrect_client_credentials: "github_credentials",
  bad_verification_code: "github_code",
  // What the token endpoint says of a client id that it does not know.
  "Not Found": "github_credentials",
  unverified_user_email: "github_not_allowed",
};

/** What GitHub says went wrong, as an error. */
export function githubFailure(error: string): GithubFailure {
  return new GithubFailure(ERRORS[error] ?? "github_unexpected", `GitHub says "${error}"`);
}

/** The body as text, as far as the limit goes. */
async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > ANSWER_BYTES_MAX)
      throw new Error(`its answer is over ${ANSWER_BYTES_MAX} bytes`);
  }
  return text;
}

export class GithubClient {
  readonly #settings: GithubSettings;
  readonly #redirectUri: string;
  readonly #client: OAuth2Client;

  /** @param redirectUri where GitHub sends people back to */
  constructor(settings: GithubSettings, redirectUri: string) {
    this.#settings = settings;
    this.#redirectUri = redirectUri;
    this.#client = new OAuth2Client(settings.clientId, settings.clientSecret, redirectUri);
  }

  /** A new secret for one attempt; GitHub is shown its hash first and itself later (PKCE, RFC 7636). */
  newVerifier(): string {
    return generateCodeVerifier();
  }

  /** @param isSwitch lets the person choose another account than the one GitHub knows them by */
  authorizationUrl(attempt: { state: string; verifier: string; isSwitch: boolean }): string {
    const { state, verifier, isSwitch } = attempt;
    const endpoint = `${this.#settings.url}/login/oauth/authorize`;
    const method = CodeChallengeMethod.S256;
    const url = this.#client.createAuthorizationURLWithPKCE(
      ...([endpoint, state, method, verifier, SCOPES] as const),
    );
    if (isSwitch) url.searchParams.set("prompt", "select_account");
    return url.href;
  }

  /**
   * Who authorised. The token that tells is used once and kept nowhere.
   * @throws GithubFailure
   */
  async account(proof: { code: string; verifier: string }): Promise<GithubAccount> {
    const token = await this.#token(proof);
    const answer = await this.#ask(`${this.#settings.apiUrl}/user`, {
      headers: { Authorization: `Bearer ${token}`, "X-GitHub-Api-Version": API_VERSION },
      accept: "application/vnd.github+json",
    });
    const user = UserAnswer.safeParse(answer);
    if (user.success) return { github_id: user.data.id, login: user.data.login };
    throw new GithubFailure("github_unexpected", "GitHub's account has no id or no login");
  }

  /** By hand, as arctic sets no limits to time and size, and takes GitHub's errors with status 200 for tokens. */
  async #token({ code, verifier }: { code: string; verifier: string }): Promise<string> {
    const { clientId, clientSecret, url } = this.#settings;
    const answer = await this.#ask(`${url}/login/oauth/access_token`, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      accept: "application/json",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        ...{ client_id: clientId, client_secret: clientSecret },
        ...{ code, redirect_uri: this.#redirectUri, code_verifier: verifier },
      }).toString(),
    });
    const token = TokenAnswer.safeParse(answer);
    if (!token.success) {
      throw new GithubFailure("github_unexpected", "GitHub's answer has neither token nor error");
    }
    if ("access_token" in token.data) return String(token.data["access_token"]);
    throw githubFailure(token.data.error);
  }

  /** The JSON of an answer, also of one that refuses. */
  async #ask(url: string, request: RequestInit & { accept: string }): Promise<unknown> {
    const { accept, headers, ...rest } = request;
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        ...rest,
        headers: { ...headers, Accept: accept, "User-Agent": USER_AGENT },
        // A redirect would carry the secret to an address that nobody has set.
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await textOf(response);
    } catch (error) {
      throw new GithubFailure("github_unreachable", `${url} does not answer: ${messageOf(error)}`);
    }
    if (response.status >= 500 || response.status === 429) {
      throw new GithubFailure("github_unreachable", `${url} answered ${response.status}`);
    }
    try {
      return JSON.parse(text);
    } catch {
      throw new GithubFailure(
        "github_unexpected",
        `${url} answered ${response.status} without JSON; is it GitHub?`,
      );
    }
  }
}
