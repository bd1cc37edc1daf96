/** Random secrets, their hashes, and comparison that tells nothing by its duration. */
import { hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

const SECRET_BYTES = 32;

/** A new secret: `prefix` and 256 random bits in base64url (43 characters). */
export function generateSecret(prefix = ""): string {
  return prefix + randomBytes(SECRET_BYTES).toString("base64url");
}

/** SHA-256 in hex. Enough for random secrets; a password wants argon2id. */
export function hashSecret(secret: string): string {
  return Bun.CryptoHasher.hash("sha256", secret, "hex");
}

/** Whether two hashes are the same, in constant time. */
export function sameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Whether two secrets are the same, in time that depends on neither. */
export function sameSecret(presented: string, expected: string): boolean {
  return sameHash(hashSecret(presented), hashSecret(expected));
}

/** A secret for one purpose out of a root secret (HKDF-SHA-256, RFC 5869): knowing one tells nothing of another. */
export function deriveSecret(root: string, purpose: string): string {
  const bytes = hkdfSync("sha256", root, "luna", purpose, SECRET_BYTES);
  return Buffer.from(bytes).toString("base64url");
}
