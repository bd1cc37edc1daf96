/** Reads a line that nobody may see: from the terminal without echo, or from whatever is piped in. */
import { InvalidInputError } from "../lib/errors.ts";

/** Longer input is no line that a person typed. */
const BYTES_MAX = 4096;

/** What shells give a program that Ctrl-C ended. */
export const CANCELLED = 130;

const KEYS = {
  interrupt: "\u0003",
  end: "\u0004",
  backspace: ["\u0008", "\u007f"],
  clear: "\u0015",
  enter: ["\r", "\n"],
};

type Outcome = "more" | "done" | "cancelled";

/** What was typed so far, key by key. */
export class TypedLine {
  #characters: string[] = [];

  get text(): string {
    return this.#characters.join("");
  }

  /** Takes one character as the terminal sends it. */
  take(character: string): Outcome {
    if (KEYS.enter.includes(character)) return "done";
    if (character === KEYS.interrupt) return "cancelled";
    if (character === KEYS.end) return this.#characters.length === 0 ? "cancelled" : "done";
    if (KEYS.backspace.includes(character)) this.#characters.pop();
    else if (character === KEYS.clear) this.#characters = [];
    else this.#characters.push(character);
    if (this.#characters.length > BYTES_MAX) throw tooLong();
    return "more";
  }
}

function tooLong(): InvalidInputError {
  return new InvalidInputError(`Cannot read the line: it is over ${BYTES_MAX} bytes long`);
}

/** Everything up to the first line end of a pipe or a file. */
async function pipedLine(input: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of input) {
    text += decoder.decode(piece, { stream: true });
    if (text.includes("\n")) break;
    if (text.length > BYTES_MAX) throw tooLong();
  }
  return text.split(/\r?\n/)[0] ?? "";
}

/** Asks on the terminal; settles with undefined when the person wants to stop. */
function typedLine(question: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const line = new TypedLine();
  const decoder = new TextDecoder();
  const onData = (piece: Uint8Array): void => {
    try {
      for (const character of decoder.decode(piece, { stream: true })) {
        const outcome = line.take(character);
        if (outcome === "more") continue;
        resolve(outcome === "done" ? line.text : undefined);
        return;
      }
    } catch (error) {
      reject(error);
    }
  };
  const onEnd = (): void => resolve(undefined);
  stderr.write(question);
  // From here on the terminal shows nothing of what is typed, and hands on Ctrl-C as a character.
  stdin.setRawMode(true);
  stdin.on("data", onData).on("end", onEnd).resume();
  return promise.finally(() => {
    stdin.off("data", onData).off("end", onEnd).pause();
    stdin.setRawMode(false);
    stderr.write("\n");
  });
}

export function isTerminal(): boolean {
  return process.stdin.isTTY;
}

/** @param question shown on a terminal only */
export async function readHiddenLine(question: string): Promise<string | undefined> {
  return isTerminal() ? typedLine(question) : pipedLine(Bun.stdin.stream());
}
