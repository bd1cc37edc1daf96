/** MCP servers whose tools an extension offers as its own: remote ones, and programs of this machine (`mcp_servers` of a manifest). */
import { z } from "zod";
import { KeyName } from "./names.ts";

const TEXT_LENGTH_MAX = 4_096;
const ARGUMENTS_MAX = 64;
const VARIABLES_MAX = 64;
const TIMEOUT_MS_MAX = 3_600_000;
/** Of one extension. */
const UPSTREAMS_MAX = 20;

const Text = z.string().max(TEXT_LENGTH_MAX);

/** A text, or one of the secrets that the manifest asks for: no text is ever searched for names of variables. */
const HeaderValue = z.union([
  Text,
  z.strictObject({
    secret: KeyName,
    /** What comes before it, such as `Bearer `. */
    prefix: Text.default(""),
  }),
]);

const Common = {
  /** How long a call may take, in milliseconds; the host's default otherwise. */
  timeout_ms: z.int().positive().max(TIMEOUT_MS_MAX).optional(),
  /** How long connecting, and each page of its list of tools, may take, in milliseconds; 10 s otherwise. */
  connect_timeout_ms: z.int().positive().max(TIMEOUT_MS_MAX).optional(),
};

/** How Luna is known to an authorization server that does not let clients register, or asks for more than it says. */
const OAuthSettings = z.strictObject({
  client_id: Text.min(1).optional(),
  client_secret: z.strictObject({ secret: KeyName }).optional(),
  /** An https address at which the client is described (Client ID Metadata Documents). */
  client_metadata_url: z.url({ protocol: /^https$/ }).optional(),
  scope: Text.optional(),
});
export type OAuthSettings = z.infer<typeof OAuthSettings>;

const RemoteUpstream = z.looseObject({
  ...Common,
  url: z.url({
    protocol: /^https?$/,
    error: "must be an address that begins with http:// or https://",
  }),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/), HeaderValue).default({}),
  /** Its owner signs Luna in (`luna mcp login`). */
  oauth: z.union([z.boolean(), OAuthSettings]).default(false),
});
export type RemoteUpstream = z.infer<typeof RemoteUpstream>;

const StdioUpstream = z.looseObject({
  ...Common,
  /** A program, by its path or by the PATH of the tool host; no shell is in between. */
  command: Text.min(1, "must name a program"),
  args: z.array(Text).max(ARGUMENTS_MAX).default([]),
  env: z
    .record(KeyName, Text)
    .refine((env) => Object.keys(env).length <= VARIABLES_MAX)
    .default({}),
  /** Which of the manifest's secrets it gets. */
  secrets: z.array(KeyName).max(VARIABLES_MAX).default([]),
});
export type StdioUpstream = z.infer<typeof StdioUpstream>;

const Upstream = z.union([RemoteUpstream, StdioUpstream], {
  error: (issue) =>
    issue.code === "invalid_union"
      ? "must have a url (and headers), or a command (and args, env, secrets)"
      : undefined,
});
export type Upstream = z.infer<typeof Upstream>;

export function isRemote(upstream: Upstream): upstream is RemoteUpstream {
  return "url" in upstream;
}

/** Whether Luna has to be signed in at one of them. */
export function wantsSignIn(upstreams: Readonly<Record<string, Upstream>>): boolean {
  return Object.values(upstreams).some((one) => isRemote(one) && one.oauth !== false);
}

/** Its tools' names begin with it. */
const UpstreamName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,31}$/, "must be 1 to 32 of a-z, 0-9, _ and -");

export const Upstreams = z
  .record(UpstreamName, Upstream)
  .refine((all) => Object.keys(all).length <= UPSTREAMS_MAX, `must be at most ${UPSTREAMS_MAX}`);
