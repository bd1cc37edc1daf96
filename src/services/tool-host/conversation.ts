/** What a running call tells and asks: an exchange ends with its questions, and another brings the answers. */
import type {
  Answers,
  CallerAbilities,
  HostEvent,
  HostQuestions,
} from "../../contract/tool-call.ts";
import { type Hear, Leg } from "./leg.ts";
import type { Asking } from "./questions.ts";

/** What is asked of a client within one call, at most. */
const QUESTIONS_MAX = 64;

const NO_ABILITIES: CallerAbilities = { asks: [], progress: false, log_level: null };

interface Asked extends Asking<unknown> {
  settled: PromiseWithResolvers<unknown>;
}

interface ConversationOptions {
  abilities: CallerAbilities | undefined;
  answers: Answers | undefined;
  /** Whoever waits in the first exchange. */
  hear: Hear;
  /** The exchange has ended with questions: the call now waits for whoever answers. */
  onParked(): void;
}

export class Conversation {
  readonly #options: ConversationOptions;
  readonly #asked = new Map<string, Asked>();
  #abilities: CallerAbilities;
  #answers: Answers;
  #call: string | undefined;
  #leg: Leg | undefined;
  #flushing = false;
  #count = 0;
  #preparing = 0;
  /** The end of the call, for an exchange that comes later. */
  #end: string | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#abilities = options.abilities ?? NO_ABILITIES;
    this.#answers = options.answers ?? {};
    this.#leg = new Leg(options.hear);
  }

  get abilities(): CallerAbilities {
    return this.#abilities;
  }

  /** The exchange under way; none while the call waits for answers. */
  get leg(): Leg | undefined {
    return this.#leg;
  }

  /** The name under which answers come; there is none before the first question. */
  get call(): string | undefined {
    return this.#call;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  tell(event: HostEvent): void {
    this.#leg?.tell(event);
  }

  /** Ends the call for everybody: whoever waits, or comes later, gets `json`. */
  end(json: string): void {
    this.#end ??= json;
    this.#leg?.end(this.#end);
    for (const { settled } of this.#asked.values()) {
      settled.reject(new DOMException("The call has ended", "AbortError"));
    }
    this.#asked.clear();
  }

  /** Resolves with the answer. Questions that are asked in the same turn go out together. */
  async ask(key: string | undefined, preparing: Promise<Asking<unknown>>): Promise<unknown> {
    this.#count += 1;
    const name = key ?? `question_${this.#count}`;
    if (this.#count > QUESTIONS_MAX) throw new Error(`A call may ask ${QUESTIONS_MAX} questions`);
    this.#preparing += 1;
    const settled = Promise.withResolvers<unknown>();
    try {
      const asking = await preparing;
      const known = Object.hasOwn(this.#answers, name) && asking.read(this.#answers[name]);
      if (known) return known.value;
      if (this.#asked.has(name)) throw new Error(`The question "${name}" is being asked already`);
      if (this.#end !== undefined) throw new DOMException("The call has ended", "AbortError");
      this.#asked.set(name, { ...asking, settled });
    } finally {
      this.#preparing -= 1;
      this.#flush();
    }
    return settled.promise;
  }

  /**
   * Begins the exchange that brings answers. What is still open afterwards is asked again.
   * @returns undefined when the call waits for nothing: it has been answered before
   */
  resume(answers: Answers, abilities: CallerAbilities | undefined, hear: Hear): Leg | undefined {
    if (this.#leg !== undefined && !this.#leg.ended) return undefined;
    const leg = new Leg(hear);
    this.#leg = leg;
    this.#abilities = abilities ?? this.#abilities;
    this.#answers = { ...this.#answers, ...answers };
    if (this.#end !== undefined) leg.end(this.#end);
    for (const [key, { read, settled }] of this.#asked) {
      const given = Object.hasOwn(answers, key) && read(answers[key]);
      if (!given) continue;
      this.#asked.delete(key);
      settled.resolve(given.value);
    }
    if (this.#asked.size > 0) this.#flush();
    return leg;
  }

  #flush(): void {
    if (this.#flushing || this.#asked.size === 0) return;
    this.#flushing = true;
    // After everything that the tool does in this turn, such as asking more.
    setImmediate(() => {
      this.#flushing = false;
      const isWaiting = this.#asked.size > 0 && this.#preparing === 0;
      if (!isWaiting || this.#leg === undefined || this.#leg.ended) return;
      // Another for each round: the answers to one are none to the next.
      this.#call = crypto.randomUUID();
      const questions: HostQuestions["questions"] = {};
      for (const [key, { question }] of this.#asked) questions[key] = question;
      // First: it makes the call known under its name, before anybody can answer.
      this.#options.onParked();
      this.#leg.end(JSON.stringify({ call: this.#call, questions } satisfies HostQuestions));
      this.#leg = undefined;
    });
  }
}
