/** What OAuth has given for the MCP servers of one extension, encrypted: `.luna/upstreams/<extension>.json`. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { readJsonIfThere, writeJsonAtomic } from "../lib/files.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const StoreFile = z.looseObject({
  version: z.literal(1).default(1),
  /** By the server's name: nonce, tag and what is kept, in base64. */
  servers: z.record(z.string(), z.string()).default({}),
});

const Kept = z.looseObject({
  /** How Luna is known to the authorization server, as the SDK has it. */
  client: z.unknown().optional(),
  tokens: z.unknown().optional(),
  /** What the server wanted last for something that it refused. */
  scope: z.string().optional(),
});
type Kept = z.infer<typeof Kept>;

interface UpstreamStoreOptions {
  path: string;
  /** A secret for this extension's file alone. */
  key: string;
}

/** Whose tokens they are: with another address in the manifest they are nobody's. */
interface Owner {
  server: string;
  url: string;
}

export class UpstreamStore {
  readonly #path: string;
  readonly #key: Buffer;
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ path, key }: UpstreamStoreOptions) {
    this.#path = path;
    this.#key = createHash("sha256").update(key).digest();
  }

  /** What is kept for the server at this very address. */
  async read(owner: Owner): Promise<Kept> {
    const file = await readJsonIfThere(this.#path, StoreFile);
    const sealed = file?.servers[owner.server];
    return Kept.parse(sealed === undefined ? {} : (this.#open(sealed, owner) ?? {}));
  }

  /** Keeps `change` beside what is kept already. */
  update(owner: Owner, change: Partial<Kept>): Promise<void> {
    const work = this.#turn.then(async () => {
      const file = (await readJsonIfThere(this.#path, StoreFile)) ?? StoreFile.parse({});
      const kept = { ...(await this.read(owner)), ...change };
      file.servers[owner.server] = this.#close(kept, owner);
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      await writeJsonAtomic(this.#path, file);
    });
    this.#turn = work.catch(() => undefined);
    return work;
  }

  #close(content: Kept, owner: Owner): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce);
    cipher.setAAD(bound(owner));
    const body = Buffer.concat([cipher.update(JSON.stringify(content), "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64");
  }

  /** undefined for what is another server's, or was made with another key. */
  #open(sealed: string, owner: Owner): unknown {
    const bytes = Buffer.from(sealed, "base64");
    try {
      const decipher = createDecipheriv(ALGORITHM, this.#key, bytes.subarray(0, NONCE_BYTES));
      decipher.setAAD(bound(owner));
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      const body = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      return JSON.parse(Buffer.concat([body, decipher.final()]).toString("utf8"));
    } catch {
      return undefined; // Its owner signs in anew.
    }
  }
}

function bound({ server, url }: Owner): Buffer {
  return Buffer.from(JSON.stringify([server, url]));
}
