/** Short-lived signed statements of who is asking, passed from one process to another in a header. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { deriveSecret } from "./secret.ts";

/** Long enough for a slow request to arrive, too short to be of use when it leaks. */
export const ASSERTION_LIFETIME_MS = 60_000;
/** Longer ones are not looked at. */
const LENGTH_MAX = 2048;

const Assertion = z.strictObject({
  /** The user's id. */
  subject: z.string().min(1),
  /** The user's name, for people. */
  name: z.string(),
  /** The id of the session that was checked, which opens nothing. */
  session: z.string().min(1),
  /** Milliseconds since 1970. */
  expires_at: z.int(),
});
type Assertion = z.infer<typeof Assertion>;

interface SignOptions {
  key: string;
  /** Milliseconds since 1970. */
  now: number;
}

/** The key for assertions out of the token that signer and reader share. */
export function assertionKey(token: string): string {
  return deriveSecret(token, "assertion");
}

function macOf(body: string, key: string): Buffer {
  return createHmac("sha256", key).update(body).digest();
}

/** `<JSON in base64url>.<HMAC-SHA-256 in base64url>`, valid for `ASSERTION_LIFETIME_MS`. */
export function signAssertion(
  who: Pick<Assertion, "subject" | "name" | "session">,
  { key, now }: SignOptions,
): string {
  const assertion: Assertion = { ...who, expires_at: now + ASSERTION_LIFETIME_MS };
  const body = Buffer.from(JSON.stringify(assertion)).toString("base64url");
  return `${body}.${macOf(body, key).toString("base64url")}`;
}

/** What `signed` states; undefined when it is not signed with `key`, or no longer valid. */
export function verifyAssertion(signed: string, { key, now }: SignOptions): Assertion | undefined {
  if (signed.length > LENGTH_MAX) return undefined;
  const [body, mac, ...rest] = signed.split(".");
  if (body === undefined || mac === undefined || rest.length > 0) return undefined;
  // The text is compared, not the bytes: base64url has several texts for the same bytes.
  const presented = Buffer.from(mac);
  const expected = Buffer.from(macOf(body, key).toString("base64url"));
  if (presented.length !== expected.length || !timingSafeEqual(presented, expected))
    return undefined;
  const parsed = Assertion.safeParse(JSON.parse(Buffer.from(body, "base64url").toString()));
  return parsed.success && now < parsed.data.expires_at ? parsed.data : undefined;
}
