/** Looks for an Ollama on this machine, without ever letting a request wait long for one that is not there. */
import { z } from "zod";

const DEFAULT_URL = "http://127.0.0.1:11434/v1";
const PROBE_TIMEOUT_MS = 300;
/** What a probe found, or did not find, counts this long. */
const PROBE_FRESH_MS = 5_000;

const ModelList = z.object({ data: z.array(z.object({ id: z.string() })).nullable() });
/** Models that turn text into vectors cannot chat. */
const EMBEDDING = /embed|bge-|minilm/i;

interface OllamaOptions {
  baseUrl?: string;
  clock?: () => number;
}

export class Ollama {
  readonly baseUrl: string;
  readonly #clock: () => number;
  #probe: { at: number; models: Promise<string[] | undefined> } | undefined;

  constructor({ baseUrl = DEFAULT_URL, clock = Date.now }: OllamaOptions = {}) {
    this.baseUrl = baseUrl;
    this.#clock = clock;
  }

  /** The models that can chat, newest first as Ollama lists them; undefined when no Ollama answers. */
  models(): Promise<string[] | undefined> {
    const now = this.#clock();
    if (this.#probe === undefined || now - this.#probe.at >= PROBE_FRESH_MS) {
      this.#probe = { at: now, models: this.#ask() };
    }
    return this.#probe.models;
  }

  async #ask(): Promise<string[] | undefined> {
    try {
      const response = await fetch(`${this.baseUrl}/models`, {
        signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      });
      if (!response.ok) return undefined;
      const { data } = ModelList.parse(await response.json());
      return (data ?? []).map(({ id }) => id).filter((id) => !EMBEDDING.test(id));
    } catch {
      // Refused, too slow, or something else on its port: there is no Ollama to use.
      return undefined;
    }
  }
}
