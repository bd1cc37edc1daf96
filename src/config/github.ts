/** Sign-in with GitHub as it is configured: by which application, at which GitHub, and who may. */
import { z } from "zod";
import type { DeploymentMode } from "../contract/config.ts";
import { InvalidInputError } from "../lib/errors.ts";

/** The variables that say it, in the environment of `luna up` or in `.env`. */
export const GITHUB_VARIABLES = [
  "GITHUB_CLIENT_ID",
  "GITHUB_CLIENT_SECRET",
  "GITHUB_URL",
  "GITHUB_API_URL",
  "ALLOWED_GITHUB_USERNAME",
] as const;

export interface GithubSettings {
  clientId: string;
  clientSecret: string;
  /** Where people authorise, without a final slash. */
  url: string;
  apiUrl: string;
  /** The names that may sign in, in lower case; without any, the first account that does is the only one. */
  allowed: ReadonlySet<string> | undefined;
}

export type GithubConfiguration =
  | { state: "off" }
  | { state: "on"; settings: GithubSettings }
  | {
      state: "refused";
      /** `incomplete`: not all is said. · `unrestricted`: everybody could sign in. */
      reason: "incomplete" | "unrestricted";
      /** What is wrong, for the owner. */
      problem: string;
      fix: string;
    };

const GITHUB_URL = "https://github.com";
const GITHUB_API_URL = "https://api.github.com";
/** GitHub Enterprise Cloud with data residency has its API at a name of its own, an Enterprise Server at a path. */
const DATA_RESIDENCY = /^[a-z0-9-]+\.ghe\.com$/;
/** Of GitHub's own names, and of those that an enterprise manages (with an underscore). */
const LOGIN = /^[a-z0-9][a-z0-9_-]{0,99}$/;
const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])$/;

const Text = z.string().trim().default("");
const Variables = z.object({
  GITHUB_CLIENT_ID: Text,
  GITHUB_CLIENT_SECRET: Text,
  GITHUB_URL: Text,
  GITHUB_API_URL: Text,
  ALLOWED_GITHUB_USERNAME: Text,
});

function incomplete(problem: string, fix: string): GithubConfiguration {
  return { state: "refused", reason: "incomplete", problem, fix };
}

/** An address that a secret may be sent to: encrypted, or on this very machine. */
function addressIn(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.search !== "" || url.hash !== "" || url.username !== "") {
    return undefined;
  }
  const isSafe = url.protocol === "https:" || LOOPBACK.test(url.hostname);
  return isSafe && /^https?:$/.test(url.protocol) ? url : undefined;
}

const withoutSlash = (url: URL): string => url.href.replace(/\/+$/, "");

function defaultApiUrl(url: URL): string {
  if (withoutSlash(url) === GITHUB_URL) return GITHUB_API_URL;
  if (DATA_RESIDENCY.test(url.hostname)) return `https://api.${url.hostname}`;
  return `${withoutSlash(url)}/api/v3`;
}

/**
 * Where GitHub's API is, for what needs no sign-in.
 * @throws InvalidInputError when a variable is no address
 */
export function githubApiUrl(variables: Readonly<Record<string, string | undefined>>): string {
  const given = Variables.parse(variables);
  const url = addressIn(given.GITHUB_URL || GITHUB_URL);
  const apiUrl = url && addressIn(given.GITHUB_API_URL || defaultApiUrl(url));
  if (apiUrl !== undefined) return withoutSlash(apiUrl);
  const name = url === undefined ? "GITHUB_URL" : "GITHUB_API_URL";
  throw new InvalidInputError(
    `Cannot reach GitHub: ${name} is not an https:// address without a query`,
  );
}

/** What says where extensions are fetched from, and with which right. */
export const SOURCE_VARIABLES = ["GITHUB_URL", "GITHUB_API_URL", "GITHUB_TOKEN"] as const;

export interface GithubApi {
  apiUrl: string;
  /** Opens private repositories, and raises GitHub's limit; for the API's own host alone. */
  token: string | undefined;
}

/**
 * @param variables those of `SOURCE_VARIABLES` that are set
 * @throws InvalidInputError when a variable is no address
 */
export function githubApi(variables: Readonly<Record<string, string | undefined>>): GithubApi {
  const token = variables["GITHUB_TOKEN"]?.trim() || undefined;
  return { apiUrl: githubApiUrl(variables), token };
}

/** "octocat, @Hubot" as it is compared: GitHub's names differ in more than case. */
function loginsIn(text: string): string[] {
  return text
    .split(",")
    .map((name) => name.trim().replace(/^@/, "").toLowerCase())
    .filter((name) => name !== "");
}

/** @param variables those of `GITHUB_VARIABLES` that are set */
export function githubConfiguration(
  variables: Readonly<Record<string, string | undefined>>,
  mode: DeploymentMode,
): GithubConfiguration {
  const given = Variables.parse(variables);
  const { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret } = given;
  if (clientId === "" && clientSecret === "") return { state: "off" };
  if (clientId === "" || clientSecret === "") {
    const [is, missing] =
      clientId === ""
        ? ["GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID"]
        : ["GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"];
    return incomplete(`${is} is set, ${missing} is not`, `luna secrets set ${missing}`);
  }
  const url = addressIn(given.GITHUB_URL || GITHUB_URL);
  const apiUrl = url && addressIn(given.GITHUB_API_URL || defaultApiUrl(url));
  if (url === undefined || apiUrl === undefined) {
    const name = url === undefined ? "GITHUB_URL" : "GITHUB_API_URL";
    const what = "is not an https:// address without a query";
    return incomplete(`${name} ${what}`, `luna secrets set ${name}`);
  }
  const logins = loginsIn(given.ALLOWED_GITHUB_USERNAME);
  const wrong = logins.find((login) => !LOGIN.test(login));
  if (wrong !== undefined) {
    return incomplete(
      `ALLOWED_GITHUB_USERNAME holds "${wrong}", which cannot be a name at GitHub`,
      "luna secrets set ALLOWED_GITHUB_USERNAME   (names with commas between them)",
    );
  }
  if (logins.length === 0 && mode !== "local") {
    return {
      state: "refused",
      reason: "unrestricted",
      problem: "ALLOWED_GITHUB_USERNAME is not set: everybody with a GitHub account could sign in",
      fix: "luna secrets set ALLOWED_GITHUB_USERNAME   (your name at GitHub, several with commas between them)",
    };
  }
  const allowed = logins.length === 0 ? undefined : new Set(logins);
  const addresses = { url: withoutSlash(url), apiUrl: withoutSlash(apiUrl) };
  return { state: "on", settings: { clientId, clientSecret, ...addresses, allowed } };
}
