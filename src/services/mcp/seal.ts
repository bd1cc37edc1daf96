/** Texts that pass through a client and come back unchanged, or are refused: signed, and for one receiver. */
import { createHmac } from "node:crypto";
import { sameHash } from "../../lib/secret.ts";

const SEALED = /^([A-Za-z0-9_-]+)\.([0-9a-f]{64})$/;

export class Seal {
  readonly #key: string;

  /** @param key a secret for this purpose alone */
  constructor(key: string) {
    this.#key = key;
  }

  /** @param binding whose it is; nobody else's comes back */
  close(content: unknown, binding: string): string {
    const body = Buffer.from(JSON.stringify(content)).toString("base64url");
    return `${body}.${this.#sign(body, binding)}`;
  }

  /** The content, or undefined for what was not sealed here, or for somebody else. */
  open(sealed: string, binding: string): unknown {
    const [, body, signature] = SEALED.exec(sealed) ?? [];
    if (body === undefined || signature === undefined) return undefined;
    if (!sameHash(signature, this.#sign(body, binding))) return undefined;
    return JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
  }

  #sign(body: string, binding: string): string {
    return createHmac("sha256", this.#key).update(`${binding}\n${body}`).digest("hex");
  }
}
