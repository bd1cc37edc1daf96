/** The keys that Luna itself reads from `.env`: what they are, which are no secrets, and what they may be. */
import { DeploymentMode } from "../contract/config.ts";
import { nameRefusal } from "../contract/key-rules.ts";
import { credentialsFrom } from "./credentials.ts";
import { valueRefusal } from "./env-file.ts";

interface KnownKey {
  label: string;
  help?: string;
  /** A setting that may be read in logs. */
  isPlain?: boolean;
  /** Read once, when Luna starts. */
  isReadAtStart?: boolean;
  /** Belongs together with others, so that nothing starts again by itself when only one of them is changed. */
  isPart?: boolean;
  /** What it should be, when `value` is not that. */
  fault?(value: string): string | undefined;
}

const PORT_MAX = 65_535;
const OFFSET_MAX = 50_000;

function wholeNumber(from: number, to: number) {
  return (value: string): string | undefined =>
    /^\d{1,5}$/.test(value) && Number(value) >= from && Number(value) <= to
      ? undefined
      : `it should be a number from ${from} to ${to}`;
}

function webAddress(value: string): string | undefined {
  const isFine = URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
  return isFine ? undefined : "it should be an address that begins with http:// or https://";
}

function modeFault(value: string): string | undefined {
  if (DeploymentMode.safeParse(value).success) return undefined;
  return `it should be one of ${DeploymentMode.options.join(", ")}`;
}

const DATABASE = { isPart: true } as const;
const AT_START = { isPlain: true, isReadAtStart: true } as const;

const KNOWN: Readonly<Record<string, KnownKey>> = {
  OPENAI_API_KEY: {
    label: "Key of the model's provider",
    help: "From your OpenAI account, or from the provider of OPENAI_BASE_URL.",
  },
  OPENAI_BASE_URL: {
    label: "Address of the model's provider",
    help: "For providers that speak OpenAI's protocol, such as http://127.0.0.1:11434/v1.",
    isPlain: true,
    fault: webAddress,
  },
  LLM_DEFAULT_MODEL: { label: "Model that agents use", isPlain: true },
  DEFAULT_AGENT: { label: "Agent that answers when none is named", isPlain: true },
  DATABASE_URL: {
    label: "Address of the database",
    help: "postgres://user:password@host:5432/database; without it Luna keeps SQLite in its home.",
    ...DATABASE,
  },
  DB_HOST: { label: "Host of the database", isPlain: true, ...DATABASE },
  DB_PORT: {
    label: "Port of the database",
    isPlain: true,
    fault: wholeNumber(1, PORT_MAX),
    ...DATABASE,
  },
  DB_NAME: { label: "Name of the database", isPlain: true, ...DATABASE },
  DB_USER: { label: "User of the database", isPlain: true, ...DATABASE },
  DB_PASSWORD: { label: "Password of the database", ...DATABASE },
  GITHUB_CLIENT_ID: { label: "Client id for sign-in with GitHub", isPlain: true },
  GITHUB_CLIENT_SECRET: { label: "Client secret for sign-in with GitHub" },
  GITHUB_URL: { label: "Address of GitHub, for an own server", isPlain: true, fault: webAddress },
  GITHUB_API_URL: {
    label: "Address of GitHub's API, for an own server",
    isPlain: true,
    fault: webAddress,
  },
  GITHUB_TOKEN: {
    label: "Token for extensions in private repositories",
    help: "A fine-grained token with read access to their contents; it also raises GitHub's limits.",
  },
  STORE_URL: {
    label: "Address of the store's index, or off",
    isPlain: true,
    fault: (value) => (value === "off" ? undefined : webAddress(value)),
  },
  ALLOWED_GITHUB_USERNAME: {
    label: "GitHub users who may sign in",
    help: "One or several, with commas between them.",
    isPlain: true,
  },
  DEPLOYMENT_MODE: { label: "How Luna is reached", fault: modeFault, ...AT_START },
  PUBLIC_DOMAIN: { label: "Name under which Luna is reached", ...AT_START },
  CLOUDFLARE_TUNNEL: { label: "Whether a Cloudflare tunnel leads to Luna", ...AT_START },
  LUNA_PORT_OFFSET: {
    label: "Number that is added to every port",
    fault: wholeNumber(0, OFFSET_MAX),
    ...AT_START,
  },
};

export const KNOWN_KEYS: ReadonlyMap<string, KnownKey> = new Map(Object.entries(KNOWN));

/** Why nobody may set this by hand, as the second half of a sentence that does not show the value. */
export function refusalOf(name: string, value: string): string | undefined {
  const refusal = nameRefusal(name);
  if (refusal !== undefined) return refusal;
  if (value === "") return "its value is empty; delete the key to take its value away";
  return valueRefusal(value) ?? KNOWN_KEYS.get(name)?.fault?.(value);
}

/** The password in an address, as it is written there and as it is meant; none in anything else. */
function passwordsIn(value: string): string[] {
  const password = URL.canParse(value) ? new URL(value).password : "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    // A percent sign that encodes nothing: it is meant as it is written.
    return [password];
  }
}

/** Which of `values`, the variables of `.env`, may be shown nowhere, with what Luna derives from them. */
export function secretValuesOf(values: Readonly<Record<string, string>>): string[] {
  const own = Object.values(credentialsFrom(values) ?? {});
  const kept = Object.entries(values).flatMap(([name, value]) => {
    const isPlain = KNOWN_KEYS.get(name)?.isPlain === true;
    return [...(isPlain ? [] : [value]), ...passwordsIn(value)];
  });
  return [...new Set([...kept, ...own])].filter((value) => value !== "");
}
