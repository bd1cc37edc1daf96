/** Reads shell text as far as it takes to know in which quotes each of its characters stands (POSIX, shell language 2.2). */

/** - `bare`: the shell splits and expands · `double`, `single`: within such quotes · `arithmetic`: within `$((…))`. */
export type ShellPlace = "bare" | "double" | "single" | "arithmetic";

type Frame = "double" | "single" | "command" | "group" | "backtick" | "braces" | "arithmetic";

interface Step {
  place: ShellPlace;
  /** Whether what follows a here-document's mark may be its text. */
  afterHereDocument: boolean;
}

/** Walks through the text, one character or mark at a time. */
export class ShellReader {
  readonly #text: string;
  readonly #frames: Frame[] = [];
  #afterHereDocument = false;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get offset(): number {
    return this.#offset;
  }

  get isDone(): boolean {
    return this.#offset >= this.#text.length;
  }

  /** Where the next character stands. */
  get step(): Step {
    return { place: this.#place(), afterHereDocument: this.#afterHereDocument };
  }

  /** Passes over text that means nothing to the shell. */
  skip(length: number): void {
    this.#offset += length;
  }

  /** Passes over the next character or mark; returns it. */
  next(): string {
    const began = this.#offset;
    this.#offset += this.#read();
    return this.#text.slice(began, this.#offset);
  }

  /** Braces stand in the quotes that they stand in. */
  #place(): ShellPlace {
    const frame = this.#frames.findLast((one) => one !== "braces");
    return frame === "double" || frame === "single" || frame === "arithmetic" ? frame : "bare";
  }

  #has(mark: string): boolean {
    return this.#text.startsWith(mark, this.#offset);
  }

  #open(frame: Frame, mark: string): number {
    this.#frames.push(frame);
    return mark.length;
  }

  #closes(frame: Frame, mark: string): boolean {
    if (this.#frames.at(-1) !== frame || !this.#has(mark)) return false;
    this.#frames.pop();
    return true;
  }

  #read(): number {
    const place = this.#place();
    if (place === "single") {
      this.#closes("single", "'");
      return 1;
    }
    if (this.#has("\\")) return 2;
    if (this.#closes("arithmetic", "))")) return 2;
    if (this.#closes("braces", "}")) return 1;
    if (this.#closes("double", '"')) return 1;
    if (this.#closes("backtick", "`")) return 1;
    if (this.#has("$((")) return this.#open("arithmetic", "$((");
    if (this.#has("$(")) return this.#open("command", "$(");
    if (this.#has("${")) return this.#open("braces", "${");
    if (this.#has("`")) return this.#open("backtick", "`");
    return place === "bare" ? this.#readBare() : 1;
  }

  #readBare(): number {
    if (this.#has('"')) return this.#open("double", '"');
    if (this.#has("'")) return this.#open("single", "'");
    if (this.#has("<<") && !this.#has("<<<")) this.#afterHereDocument = true;
    if (this.#has("(")) return this.#open("group", "(");
    if (this.#closes("group", ")") || this.#closes("command", ")")) return 1;
    return this.#has("#") && this.#isWordStart() ? this.#restOfLine() : 1;
  }

  #isWordStart(): boolean {
    return this.#offset === 0 || /[\s;&|()]/.test(this.#text[this.#offset - 1] ?? "");
  }

  /** A comment, in which quotes mean nothing. */
  #restOfLine(): number {
    const end = this.#text.indexOf("\n", this.#offset);
    return (end < 0 ? this.#text.length : end) - this.#offset;
  }
}
