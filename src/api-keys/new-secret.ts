/** A new key: the secret for whoever asked for it, and what is kept of it. */
import { generateSecret, hashSecret } from "../lib/secret.ts";

/** The characters by which people tell keys apart. */
const HINT_LENGTH = 4;

interface KeptOfSecret {
  key_hash: string;
  key_hint: string;
}

export function keptOf(secret: string): KeptOfSecret {
  return { key_hash: hashSecret(secret), key_hint: secret.slice(-HINT_LENGTH) };
}

export function newSecret(prefix: string): { secret: string; kept: KeptOfSecret } {
  const secret = generateSecret(prefix);
  return { secret, kept: keptOf(secret) };
}
