/** The keys of `.env` over HTTP (specification 6.3): values go in; one comes out only for a person who is signed in. */
import { Hono } from "hono";
import { z } from "zod";
import { outcomeOf } from "../../audit/audited.ts";
import type { CallerOf } from "../../audit/caller.ts";
import type { AuditTrail } from "../../audit/trail.ts";
import { FILE_BYTES_MAX } from "../../config/env-file.ts";
import type { Caller } from "../../contract/audit.ts";
import { KeyName } from "../../contract/names.ts";
import {
  EnvUpload,
  NamedSecret,
  RequiredSecrets,
  RevealedSecret,
  SecretChanged,
  SecretList,
  SetSecret,
} from "../../contract/secrets.ts";
import { ForbiddenError } from "../../lib/errors.ts";
import { decodeText } from "../../lib/files.ts";
import { answers } from "../../lib/route-facts.ts";
import { valid } from "../../lib/valid.ts";
import type { Secrets } from "../secrets/secrets.ts";

export interface KeysDeps {
  secrets: Pick<Secrets, "list" | "required" | "set" | "delete" | "reveal" | "preview" | "apply">;
  callerOf: CallerOf;
  audit: Pick<AuditTrail, "record">;
}

const Upload = z.object({
  file: z.file().max(FILE_BYTES_MAX),
  /** The preview that is to be done. */
  apply: z.string().optional(),
});

const LIST = answers("The keys of .env, without their values", SecretList);
const REQUIRED = answers("The keys that extensions ask for", RequiredSecrets);
const SET = answers("Set a key, and start again what uses it", SecretChanged);
const DELETE = answers("Delete a key, and start again what uses it", SecretChanged);
const REVEAL = answers("Show the value of a key to a person who is signed in", RevealedSecret);
const UPLOAD = answers("What a .env file would change; with its preview, change that", EnvUpload);

type Action = "secret.set" | "secret.delete" | "secret.reveal";

/** Does it, and records who did what to which key, or who was refused; never the value. */
async function audited<Done>(
  { audit }: Pick<KeysDeps, "audit">,
  event: { action: Action; target: string | null; caller: Caller },
  work: () => Promise<Done>,
): Promise<Done> {
  const { action, caller } = event;
  // What is no name may be a value that somebody put into the wrong field.
  const target = KeyName.safeParse(event.target).data ?? null;
  try {
    const done = await work();
    if (event.target !== null) audit.record({ ...caller, action, target, outcome: "ok" });
    return done;
  } catch (error) {
    audit.record({ ...caller, action, target, outcome: outcomeOf(error) });
    throw error;
  }
}

/** A process with the token is no person: one that may read the file does not need this. */
function requireOwner(key: string, { actor }: Caller): void {
  if (actor.kind === "owner") return;
  throw new ForbiddenError(
    `Cannot show "${key}": only a person who is signed in to the Hub is shown values; on this machine, look into .env`,
  );
}

export function keysRoutes(deps: KeysDeps) {
  const { secrets, callerOf, audit } = deps;
  return new Hono()
    .use(async (context, next) => {
      await next();
      context.header("Cache-Control", "no-store");
    })
    .get("/list", LIST, async (context) => context.json(await secrets.list()))
    .get("/required", REQUIRED, async (context) => context.json(await secrets.required()))
    .post("/set", SET, valid("json", SetSecret), async (context) => {
      const { key, value } = context.req.valid("json");
      const event = { action: "secret.set", target: key, caller: callerOf(context.req) } as const;
      return context.json(await audited(deps, event, () => secrets.set(key, value)));
    })
    .post("/delete", DELETE, valid("json", NamedSecret), async (context) => {
      const { key } = context.req.valid("json");
      const event = {
        action: "secret.delete",
        target: key,
        caller: callerOf(context.req),
      } as const;
      return context.json(await audited(deps, event, () => secrets.delete(key)));
    })
    .post("/reveal", REVEAL, valid("json", NamedSecret), async (context) => {
      const { key } = context.req.valid("json");
      const caller = callerOf(context.req);
      const event = { action: "secret.reveal", target: key, caller } as const;
      const revealed = await audited(deps, event, async () => {
        requireOwner(key, caller);
        return secrets.reveal(key);
      });
      return context.json(revealed);
    })
    .post("/upload-env", UPLOAD, valid("form", Upload), async (context) => {
      const { file, apply } = context.req.valid("form");
      const text = decodeText("the uploaded file", await file.bytes());
      if (apply === undefined) return context.json(await secrets.preview(text));
      const caller = callerOf(context.req);
      const event = { action: "secret.set", target: null, caller } as const;
      const done = await audited(deps, event, () => secrets.apply(text, apply));
      for (const target of [...done.added, ...done.changed]) {
        audit.record({ ...caller, action: "secret.set", target, outcome: "ok" });
      }
      return context.json(done);
    });
}
