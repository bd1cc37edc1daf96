/** The keys of `.env` as the control API and the Hub show them; no value is in any of it but the one of `RevealedSecret`. */
import { z } from "zod";
import { KeyName } from "./names.ts";

/** Something of Luna that uses a key: a process by its name in state.json, `luna` itself, or an extension. */
export const SecretUser = z.object({
  kind: z.enum(["luna", "core", "extension"]),
  name: z.string(),
  /** For people: "Agent API". */
  label: z.string(),
});
export type SecretUser = z.infer<typeof SecretUser>;

export const SecretView = z.object({
  /** Dots, and the last four characters of a long value that is no password; they do not tell how long it is. */
  value: z.string(),
  /** An empty value is as good as none. */
  is_set: z.boolean(),
  /** Where the value that counts comes from: what `luna up` was started with wins over the file. */
  source: z.enum(["file", "environment"]),
  /** Luna made it and needs it. */
  made_by_luna: z.boolean(),
  label: z.string().nullable(),
  help: z.string().nullable(),
  used_by: z.array(SecretUser),
  /** Why it cannot be set here; null when it can. */
  refusal: z.string().nullable(),
});
export type SecretView = z.infer<typeof SecretView>;

/** `GET /keys/list`: each key by its name. */
export const SecretList = z.record(z.string(), SecretView);
export type SecretList = z.infer<typeof SecretList>;

/** `GET /keys/required`: what extensions ask for, by name. */
export const RequiredSecrets = z.record(
  z.string(),
  z.object({
    extensions: z.array(z.string()),
    is_set: z.boolean(),
    label: z.string().nullable(),
    help: z.string().nullable(),
    /** What a form begins with; never a value that is set. */
    default: z.string().nullable(),
  }),
);
export type RequiredSecrets = z.infer<typeof RequiredSecrets>;

/** What a change led to. */
export const SecretEffect = z.object({
  /** Started again with the new value; a tool host that was idle has ended, and starts with its next call. */
  restarted: z.array(SecretUser),
  /** Goes on with the old value until somebody restarts it; `luna` is all of Luna. */
  needs_restart: z.array(SecretUser),
  /** What `luna up` was started with, which goes on to count until Luna is started without it. */
  overridden: z.array(z.string()),
});
export type SecretEffect = z.infer<typeof SecretEffect>;

/** Longer than any name; which names there are is told by the refusal of the one. */
const NAME_LENGTH_MAX = 200;
const GivenName = z.string().max(NAME_LENGTH_MAX);

export const SetSecret = z.strictObject({ key: GivenName, value: z.string() });
export const NamedSecret = z.strictObject({ key: GivenName });

export const SecretChanged = z.object({
  status: z.enum(["updated", "deleted"]),
  key: z.string(),
  ...SecretEffect.shape,
});
export type SecretChanged = z.infer<typeof SecretChanged>;

export const RevealedSecret = z.object({ key: z.string(), value: z.string() });
export type RevealedSecret = z.infer<typeof RevealedSecret>;

/** What would become of an uploaded file, or became of it. */
export const EnvUpload = z.object({
  /** Send the same file again with this as the field `apply`, to do exactly what is shown here. */
  preview: z.string(),
  applied: z.boolean(),
  added: z.array(KeyName),
  changed: z.array(KeyName),
  unchanged: z.array(KeyName),
  /** Lines that are left out, with the reason. */
  refused: z.array(z.object({ line: z.int(), name: z.string().nullable(), reason: z.string() })),
  /** How many keys were written: 0 in a preview. */
  updated_count: z.int(),
  ...SecretEffect.shape,
});
export type EnvUpload = z.infer<typeof EnvUpload>;
