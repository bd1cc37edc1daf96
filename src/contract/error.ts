/** The one shape of an error on every wire; it is also a valid OpenAI error body. */
import { z } from "zod";

export const ErrorBody = z.looseObject({
  error: z.looseObject({
    code: z.string(),
    message: z.string(),
    details: z.unknown().optional(),
  }),
});
export type ErrorBody = z.infer<typeof ErrorBody>;
