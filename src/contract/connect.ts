/** What a client on this machine or elsewhere needs to know to reach this Luna. */
import { z } from "zod";

/** `GET /connect`. */
export const Connect = z.object({
  /** Without a final slash. */
  public_url: z.string(),
  /** The program of this Luna and its first arguments, for clients that start a command. */
  command: z.array(z.string()),
  /** What that command must be told when its home or ports are not the default ones. */
  env: z.record(z.string(), z.string()),
});
export type Connect = z.infer<typeof Connect>;
