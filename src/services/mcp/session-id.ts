/** Ids of sessions that say what a client told at its beginning, so that a forgotten session can begin anew unnoticed. */
import { z } from "zod";
import type { Asked } from "./asked.ts";
import type { Seal } from "./seal.ts";

/** Clients carry the id in a header of every request. */
const ID_LENGTH_MAX = 4_096;

/** What a client said in `initialize`. */
export const Beginning = z.object({
  protocolVersion: z.string(),
  capabilities: z.record(z.string(), z.unknown()),
  clientInfo: z.looseObject({ name: z.string(), version: z.string() }),
});
export type Beginning = z.infer<typeof Beginning>;

const Content = z.object({ nonce: z.string(), beginning: Beginning.optional() });

const bindingOf = (asked: Asked): string => `session ${asked.binding}`;

/** A new id, for this key to this server alone. */
export function mintSessionId(seal: Seal, asked: Asked, beginning: Beginning | undefined): string {
  const nonce = crypto.randomUUID();
  const id = seal.close({ nonce, beginning }, bindingOf(asked));
  // Too much to carry: such a session does not outlive this process.
  return id.length <= ID_LENGTH_MAX ? id : seal.close({ nonce }, bindingOf(asked));
}

/** How the session of this id began; undefined when it is not this key's, or cannot begin anew. */
export function beginningOf(seal: Seal, asked: Asked, id: string): Beginning | undefined {
  if (id.length > ID_LENGTH_MAX) return undefined;
  return Content.safeParse(seal.open(id, bindingOf(asked))).data?.beginning;
}
