/** Keys of extensions' services over HTTP (contract 4.10): each is shown once. */
import { z } from "zod";

const DAY_S = 86_400;

export const ServiceKeyView = z.object({
  /** `<extension>.<service>` */
  service: z.string(),
  /** The key's last four characters. */
  key_hint: z.string(),
  created_at: z.iso.datetime().nullable(),
  /** Until when the key before goes on; null when there is none. */
  previous_expires_at: z.iso.datetime().nullable(),
  /** Whether the service asks for it; false also when the service is not there any more. */
  is_required: z.boolean(),
});
export type ServiceKeyView = z.infer<typeof ServiceKeyView>;

/** `GET /service-keys/list`, by `<extension>.<service>`. */
export const ServiceKeyList = z.record(z.string(), ServiceKeyView);
export type ServiceKeyList = z.infer<typeof ServiceKeyList>;

/** What making a key, or another one, answers: the only time that it is shown. */
export const NewServiceKey = z.object({ ...ServiceKeyView.shape, api_key: z.string() });
export type NewServiceKey = z.infer<typeof NewServiceKey>;

export const RotateServiceKey = z.strictObject({
  /** How long the key before goes on. */
  grace_s: z.int().min(0).max(DAY_S).default(0),
});
