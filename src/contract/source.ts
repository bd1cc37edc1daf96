/** Where an extension comes from, as people write it, as a queue asks for it, and as master_config keeps it. */
import { z } from "zod";

/**
 * - `local`: the folder in `extensions/` is all there is; nothing is fetched.
 * - `github`: a repository, or a folder of it; without `ref` its default branch.
 * - `upload`: a file that was uploaded to this Luna.
 * - `bundled`: one of the starters that are in Luna's own program.
 */
export type Source =
  | { kind: "local" }
  | { kind: "github"; owner: string; repo: string; ref?: string; path?: string }
  | { kind: "upload"; file: string }
  | { kind: "bundled"; name: string };

const SOURCE_LENGTH_MAX = 1_000;
const SOURCE_FORMS =
  "github:user/repo, github:user/repo@branch-tag-or-commit, github:user/repo:folder, upload:<file> or local";

/** GitHub's names, with the underscore of accounts that an enterprise manages. */
const OWNER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
const REPO = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/;
/** What git allows (git-check-ref-format), as far as anybody uses it: never an option, never a way out. */
const REF =
  /^(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[A-Za-z0-9@_][A-Za-z0-9._/+@-]{0,199}(?<![./])$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are refused.
const PATH_SEGMENT = /^(?!\.{1,2}$)[^\u0000-\u001F\u007F\\:#]{1,255}$/;
const UPLOAD = /^[a-z0-9][a-z0-9-]{0,80}\.(?:zip|tar\.gz)$/;
const BUNDLED = /^[a-z0-9][a-z0-9_-]{0,63}$/;

type Parsed = { source: Source; problem?: undefined } | { source?: undefined; problem: string };

function parseGithub(text: string): Parsed {
  const should = "should be github:user/repo, with @ref or :folder behind it if need be";
  const colon = text.indexOf(":");
  const [place, folder] = colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
  const at = place.indexOf("@");
  const [name, ref] = at < 0 ? [place] : [place.slice(0, at), place.slice(at + 1)];
  const [owner = "", given = "", ...more] = name.split("/");
  const repo = given.replace(/\.git$/, "");
  if (!OWNER.test(owner) || !REPO.test(repo) || more.length > 0) {
    return { problem: `${JSON.stringify(name)} is no repository; it ${should}` };
  }
  if (ref !== undefined && !REF.test(ref)) {
    return { problem: `${JSON.stringify(ref)} is no branch, tag or commit` };
  }
  const path = folder?.replace(/\/$/, "");
  if (path !== undefined && !path.split("/").every((one) => PATH_SEGMENT.test(one))) {
    return { problem: `${JSON.stringify(path)} is no folder; it should be like extensions/notes` };
  }
  return {
    source: {
      ...{ kind: "github", owner, repo },
      ...(ref === undefined ? {} : { ref }),
      ...(path === undefined ? {} : { path }),
    },
  };
}

/** What `text` means, or what is wrong with it. A `#…` at its end makes two of the same differ, and means nothing. */
export function parseSource(text: string): Parsed {
  if (text.length > SOURCE_LENGTH_MAX) return { problem: "it is too long" };
  const plain = text.replace(/#.*$/s, "").trim();
  if (plain === "" || plain === "local") return { source: { kind: "local" } };
  const colon = plain.indexOf(":");
  const rest = plain.slice(colon + 1);
  switch (plain.slice(0, Math.max(colon, 0))) {
    case "github":
      return parseGithub(rest);
    case "upload":
      if (UPLOAD.test(rest)) return { source: { kind: "upload", file: rest } };
      return { problem: "it should be upload: and the temp_filename of an upload's answer" };
    case "bundled":
      if (BUNDLED.test(rest)) return { source: { kind: "bundled", name: rest } };
      return { problem: "it should be bundled: and a starter's name" };
    default:
      return { problem: `it should be one of ${SOURCE_FORMS}` };
  }
}

/** The one way to write a source; `parseSource` gives the same one back. */
export function sourceText(source: Source): string {
  switch (source.kind) {
    case "local":
      return "local";
    case "upload":
      return `upload:${source.file}`;
    case "bundled":
      return `bundled:${source.name}`;
    case "github": {
      const { owner, repo, ref, path } = source;
      const at = ref === undefined ? "" : `@${ref}`;
      const folder = path === undefined ? "" : `:${path}`;
      return `github:${owner}/${repo}${at}${folder}`;
    }
  }
}

/** A source in a request or a file: as it was written, if it means something. */
export const SourceText = z.string().superRefine((text, context) => {
  const { problem } = parseSource(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

/** What lies in an extension's folder, read without running any of it. */
export const ExtensionContents = z.object({
  /** The manifest's. */
  name: z.string().nullable(),
  version: z.string(),
  description: z.string().nullable(),
  files: z.int(),
  bytes: z.int(),
  /** The files that offer tools, such as `tools/notes_tools.ts`. */
  tool_files: z.array(z.string()),
  has_ui: z.boolean(),
  services: z.array(z.string()),
  required_secrets: z.array(z.string()),
});
export type ExtensionContents = z.infer<typeof ExtensionContents>;

/** `POST /extensions/upload` */
export const ExtensionUpload = z.object({
  /** Luna's name for it, to be installed by. */
  temp_filename: z.string(),
  /** The client's name for it. */
  filename: z.string(),
  status: z.literal("uploaded"),
  message: z.string(),
  /** `upload:<temp_filename>`. */
  source: z.string(),
  /** Of the archive. */
  bytes: z.int(),
  sha256: z.string(),
  contents: ExtensionContents,
});
export type ExtensionUpload = z.infer<typeof ExtensionUpload>;

const AvailableUpdate = z.object({
  source: z.string(),
  /** The commit or digest that is installed; null when nobody noted it. */
  installed: z.string().nullable(),
  /** What the source offers now; null where nothing newer can come, as with uploads. */
  latest: z.string().nullable(),
  is_available: z.boolean(),
  /** Why it could not be told; null when it could. */
  error: z.string().nullable(),
});
export type AvailableUpdate = z.infer<typeof AvailableUpdate>;

/** `GET /extensions/updates`: by the extension's name. */
export const AvailableUpdates = z.object({ updates: z.record(z.string(), AvailableUpdate) });
