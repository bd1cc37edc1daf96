/** `luna keys list|create|rotate|revoke`: API keys of the running Luna. A new key goes to stdout alone, for a pipe. */
import { z } from "zod";
import type { Environment } from "../config/environment.ts";
import { AGENT_KEY_NAME } from "../contract/agent-key.ts";
import {
  ApiKeyList,
  type ApiKeyView,
  type CreateApiKey,
  NewApiKey,
  RegeneratedAgentKey,
} from "../contract/api-keys.ts";
import { parseDuration } from "../lib/duration.ts";
import { InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { readArguments, readVerb, UsageError, type Verb } from "./arguments.ts";
import { Control } from "./control.ts";
import { keyListText } from "./key-list-text.ts";
import { KEYS_USAGE, USAGE } from "./usage.ts";

const FLAG = { type: "boolean", default: false } as const;
const TEXT = { type: "string" } as const;
const NAMED = { min: 1, max: 1 };
const GRACE = "24h";
const RATE = /^(\d{1,7})\/(.+)$/;

type Scopes = CreateApiKey["scopes"];

/** "all", or names with commas between them. */
function listIn(text: string): Scopes["agents"] {
  if (text === "all") return "all";
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function durationIn(text: string, option: string): number {
  const ms = text === "0" ? 0 : parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidInputError(
    `Cannot read --${option} "${text}": it should be a duration such as 30s, 15m, 24h or 90d`,
  );
}

function expiryIn(text: string | undefined): string | null {
  if (text === undefined || text === "never") return null;
  const duration = parseDuration(text);
  const time = duration === undefined ? Date.parse(text) : Date.now() + duration;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new InvalidInputError(
    `Cannot read --expires "${text}": it should be a duration such as 24h or 90d, a date such as 2030-01-31, or never`,
  );
}

function rateIn(text: string | undefined): CreateApiKey["rate_limit"] {
  if (text === undefined) return null;
  const [, requests, window] = RATE.exec(text) ?? [];
  if (requests === undefined || window === undefined) {
    throw new InvalidInputError(
      `Cannot read --rate "${text}": it should be a number of requests and a time, such as 100/60s`,
    );
  }
  return { requests: Number(requests), window_s: durationIn(window, "rate") / 1000 };
}

/** A key that is told once: alone on stdout, with what one should know beside it. */
function tellKey(answer: { api_key: string }, note: string, isJson: boolean): number {
  if (isJson) process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  else {
    process.stdout.write(`${answer.api_key}\n`);
    process.stderr.write(`${note}\n`);
  }
  return 0;
}

async function list(environment: Environment, args: string[]): Promise<number> {
  const { values } = readArguments(args, { usage: KEYS_USAGE.list, options: { json: FLAG } });
  const control = await Control.of(environment);
  const found = await control.ask("/api-keys", ApiKeyList);
  const text = values.json ? JSON.stringify(found, null, 2) : keyListText(found);
  process.stdout.write(`${text}\n`);
  return 0;
}

async function create(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: KEYS_USAGE.create,
    options: {
      ...{ agents: TEXT, mcp: TEXT, tools: { ...TEXT, default: "all" }, "read-only": FLAG },
      ...{ expires: TEXT, rate: TEXT, json: FLAG },
    },
    words: NAMED,
  });
  if (values.agents === undefined && values.mcp === undefined) {
    throw new UsageError(
      `Cannot create an API key: say what it opens, with --agents, --mcp or both\nUsage: ${KEYS_USAGE.create}`,
    );
  }
  const scopes: Scopes = {
    agents: listIn(values.agents ?? ""),
    mcp_servers: listIn(values.mcp ?? ""),
    tools: listIn(values.tools),
    read_only: values["read-only"],
  };
  const [name = ""] = positionals;
  const body: CreateApiKey = {
    ...{ name, scopes },
    expires_at: expiryIn(values.expires),
    rate_limit: rateIn(values.rate),
  };
  const control = await Control.of(environment);
  const made = await control.ask("/api-keys", NewApiKey, { method: "POST", body });
  return tellKey(made, "This is the only time that the key is shown.", values.json);
}

/** By its name or its id. */
async function find(control: Control, word: string): Promise<ApiKeyView> {
  const { keys } = await control.ask("/api-keys", ApiKeyList);
  const key = keys.find(({ id, name }) => id === word || name.toLowerCase() === word.toLowerCase());
  if (key !== undefined) return key;
  const names = keys.map(({ name }) => name).join(", ") || "none yet";
  throw new NotFoundError(`Cannot find the API key "${word}": there are ${names}`);
}

async function rotate(environment: Environment, args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, {
    usage: KEYS_USAGE.rotate,
    options: { grace: { ...TEXT, default: GRACE }, json: FLAG },
    words: NAMED,
  });
  const [word = ""] = positionals;
  const body = { grace_s: durationIn(values.grace, "grace") / 1000 };
  const request = { method: "POST", body } as const;
  const control = await Control.of(environment);
  const answer =
    word === AGENT_KEY_NAME
      ? await control.ask("/agents/regenerate-key", RegeneratedAgentKey, request)
      : await control.ask(`/api-keys/${(await find(control, word)).id}/rotate`, NewApiKey, request);
  const old = body.grace_s === 0 ? "does not work any more" : `works for another ${values.grace}`;
  return tellKey(answer, `The old key ${old}.`, values.json);
}

async function revoke(environment: Environment, args: string[]): Promise<number> {
  const { positionals } = readArguments(args, {
    usage: KEYS_USAGE.revoke,
    options: {},
    words: NAMED,
  });
  const control = await Control.of(environment);
  const { id, name } = await find(control, positionals[0] ?? "");
  await control.ask(`/api-keys/${id}`, z.object({ revoked: z.literal(true) }), {
    method: "DELETE",
  });
  process.stdout.write(`The key "${name}" does not work any more.\n`);
  return 0;
}

const VERBS: Readonly<Record<string, Verb>> = { list, create, rotate, revoke };

export function keys(environment: Environment, args: string[]): Promise<number> {
  const { verb, rest } = readVerb(args, { verbs: VERBS, usage: USAGE.keys });
  return verb(environment, rest);
}
