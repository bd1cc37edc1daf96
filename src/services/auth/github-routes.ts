/** Signing in with GitHub: to GitHub and back, in pages that people see (contract 5.3). */
import { type Context, Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { GithubConfiguration } from "../../config/github.ts";
import {
  isSignInProblem,
  SIGN_IN_PROBLEMS,
  type SignInProblemCode,
} from "../../contract/sign-in-problem.ts";
import { databaseFailure } from "../../db/failure.ts";
import { LunaError, messageOf } from "../../lib/errors.ts";
import { generateSecret, hashSecret } from "../../lib/secret.ts";
import type { Challenges } from "./challenges.ts";
import type { GithubAccounts } from "./github-accounts.ts";
import {
  type GithubAccount,
  type GithubClient,
  GithubFailure,
  githubFailure,
} from "./github-client.ts";
import { ownPath, signInAddress } from "./return-to.ts";
import { prefixFor } from "./session-cookie.ts";
import { refusedSignIn, type SignInParts, signIn, takeAttempt } from "./sign-in.ts";
import { retryAfterOf } from "./too-many.ts";
import { isNavigation } from "./visitor.ts";

/** One that was begun, as it is kept until the person comes back. */
export interface GithubAttempt {
  /** The hash of what the browser that began it has in its cookie. */
  browser: string;
  verifier: string;
  returnTo: string;
}

/** Time to find one's second factor. */
export const GITHUB_ATTEMPT_LIFETIME_MS = 10 * 60_000;
const COOKIE = "luna_github";
/** GitHub's codes have 20 characters, and whoever else answers as GitHub stays below this. */
const PARAMETER_LENGTH_MAX = 1000;

export interface GithubDependencies extends SignInParts {
  github: {
    configuration: GithubConfiguration;
    accounts: GithubAccounts;
    attempts: Challenges<GithubAttempt>;
    /** Of `configuration.settings`; loaded with the first sign-in. */
    client(): Promise<GithubClient>;
  };
  /** The Hub's address, without a final slash. */
  publicUrl: string;
}

function problem(code: SignInProblemCode): LunaError {
  const { status, message } = SIGN_IN_PROBLEMS[code];
  return new LunaError({ code, status }, message, {});
}

/** What the sign-in page has words for. */
function codeOf(thrown: unknown): SignInProblemCode {
  if (databaseFailure(thrown) !== undefined) return "unavailable";
  return thrown instanceof LunaError && isSignInProblem(thrown.code) ? thrown.code : "failed";
}

function cookieOptions(context: Context) {
  const prefix = prefixFor(context);
  return {
    ...{ path: "/", httpOnly: true, sameSite: "Lax" as const },
    ...(prefix === undefined ? {} : { prefix }),
  };
}

function parameter(context: Context, name: string): string | undefined {
  const value = context.req.query(name);
  return value === undefined || value.length > PARAMETER_LENGTH_MAX ? undefined : value;
}

/** Whether the browser is at the address to which GitHub sends it back, where its cookie will be. */
function isAtHome(context: Context, publicUrl: string): boolean {
  const host = context.req.header("X-Forwarded-Host") ?? "";
  const address = `http://${host}`;
  return !URL.canParse(address) || new URL(address).hostname === new URL(publicUrl).hostname;
}

/** Ends an attempt: what was begun with it, if this very browser began it. */
function takeBack(
  context: Context,
  attempts: Challenges<GithubAttempt>,
): GithubAttempt | undefined {
  const state = parameter(context, "state");
  const cookie = getCookie(context, COOKIE, prefixFor(context));
  deleteCookie(context, COOKIE, cookieOptions(context));
  const attempt = state === undefined ? undefined : attempts.take(state);
  const isOwn = cookie !== undefined && attempt?.browser === hashSecret(cookie);
  return isOwn ? attempt : undefined;
}

export function githubRoutes(dependencies: GithubDependencies) {
  const { github, publicUrl, log, audit } = dependencies;
  const requireOn = (): void => {
    const { configuration } = github;
    if (configuration.state === "off") throw problem("github_off");
    if (configuration.state === "refused") throw problem(`github_${configuration.reason}`);
  };

  /** Asks GitHub who came back. */
  const accountOf = async (context: Context, verifier: string): Promise<GithubAccount> => {
    try {
      const error = parameter(context, "error");
      if (error !== undefined) throw githubFailure(error);
      const code = parameter(context, "code");
      if (code === undefined) throw new GithubFailure("github_code", "GitHub sent no code");
      return await (await github.client()).account({ code, verifier });
    } catch (error) {
      if (!(error instanceof GithubFailure)) throw error;
      log.warn("A sign-in with GitHub failed", { reason: messageOf(error) });
      audit.record(refusedSignIn(context, { method: "github", reason: error.code }));
      throw problem(error.code);
    }
  };

  return (
    new Hono<{ Variables: { returnTo: string } }>()
      .get("/auth/github", async (context) => {
        const returnTo = ownPath(context.req.query("returnTo"));
        context.set("returnTo", returnTo);
        requireOn();
        if (!isAtHome(context, publicUrl)) {
          const query = new URLSearchParams(context.req.query());
          return context.redirect(`${publicUrl}/auth/github?${query}`);
        }
        // Not given back: it is what bounds how many attempts are open at once.
        await takeAttempt(context, dependencies);
        const client = await github.client();
        const browser = generateSecret();
        const verifier = client.newVerifier();
        const attempt = { browser: hashSecret(browser), verifier, returnTo };
        const state = github.attempts.issue(attempt);
        const maxAge = GITHUB_ATTEMPT_LIFETIME_MS / 1000;
        setCookie(context, COOKIE, browser, { ...cookieOptions(context), maxAge });
        const isSwitch = context.req.query("switch") !== undefined;
        return context.redirect(client.authorizationUrl({ state, verifier, isSwitch }));
      })
      .get("/auth/callback", async (context) => {
        requireOn();
        const attempt = takeBack(context, github.attempts);
        if (attempt === undefined) throw problem("github_state");
        context.set("returnTo", attempt.returnTo);
        const giveBack = await takeAttempt(context, dependencies);
        const account = await accountOf(context, attempt.verifier);
        await signIn(context, dependencies, {
          ...{ method: github.accounts, proof: account },
          refusal: () => problem("github_not_allowed"),
          details: { login: account.login },
        });
        giveBack();
        return context.redirect(attempt.returnTo);
      })
      // A person waits for a page, and gets one; programs get the same as JSON.
      .onError((thrown, context) => {
        if (!isNavigation(context.req.method, context.req.raw.headers)) throw thrown;
        const code = codeOf(thrown);
        if (code === "failed" || code === "unavailable") {
          log.error("A sign-in with GitHub failed unexpectedly", { error: thrown });
        }
        const wait = retryAfterOf(thrown);
        const more = { problem: code, ...(wait === undefined ? {} : { wait }) };
        return context.redirect(signInAddress(context.get("returnTo"), more));
      })
  );
}
