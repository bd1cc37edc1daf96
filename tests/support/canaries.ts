/** Marked secrets, and looking for them in every form in which they may leak. */
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Bytes that stand for themselves in base64. */
const GROUP = 3;
/** Below this a piece of a secret could be anything. */
const PIECE_MIN = 12;
/** How often a folder is looked at whose files go while it is. */
const TRIES_MAX = 20;

/** The pieces of base64 that hold the secret, whatever stands before and behind it. */
function base64Pieces(secret: string): string[] {
  return [0, 1, 2].flatMap((skipped) => {
    const bytes = Buffer.from(secret).subarray(skipped);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % GROUP));
    return [whole.toString("base64"), whole.toString("base64url")];
  });
}

/** Bytes one to one, with text as it is: a database is neither. */
function bytesOf(path: string): Buffer | "no file" | "gone" {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts?.isFile() === false) return "no file";
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "gone";
    throw error;
  }
}

function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = [
    ...[secret, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(secret)],
    ...[Buffer.from(secret).toString("hex"), ...base64Pieces(secret), ...secret.split("\n")],
  ];
  return [...new Set(forms)].filter((form) => form.length >= PIECE_MIN);
}

export class Canaries {
  readonly #forms = new Map<string, readonly string[]>();
  readonly #values = new Map<string, string>();

  /** Keeps the secret, which is to be found nowhere. */
  add(name: string, value: string): string {
    this.#values.set(name, value);
    this.#forms.set(name, formsOf(value));
    return value;
  }

  /** The secret of this name. */
  value(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`There is no canary "${name}"`);
    return value;
  }

  get names(): string[] {
    return [...this.#forms.keys()];
  }

  /** The names of those that are in `text`, in any form. */
  in(text: string): string[] {
    return [...this.#forms].flatMap(([name, forms]) =>
      forms.some((form) => text.includes(form)) ? [name] : [],
    );
  }

  /** "<file>: <name>" for each that is in a file of `folder`, or in a file's name; and how many were looked at. */
  inFiles(folder: string, isLeftOut: (path: string) => boolean) {
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const seen = this.#lookOnce(folder, isLeftOut);
      // What went meanwhile may lie where it was looked before.
      if (seen.gone === 0) return seen;
    }
    throw new Error(`Files of "${folder}" go as fast as they are looked at`);
  }

  #lookOnce(folder: string, isLeftOut: (path: string) => boolean) {
    const found: string[] = [];
    let looked = 0;
    let gone = 0;
    for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, entry);
      const name = relative(folder, path);
      if (isLeftOut(name)) continue;
      const bytes = bytesOf(path);
      if (bytes === "gone") gone += 1;
      if (typeof bytes === "string") continue;
      looked += 1;
      const names = new Set([...this.in(bytes.toString("latin1")), ...this.in(bytes.toString())]);
      for (const one of [...names, ...this.in(name)]) found.push(`${name}: ${one}`);
    }
    return { found, looked, gone };
  }
}
