/** The store: shows the index that it has, and asks for a newer one now and then, in the background. */
import { StoreFile, StoreIndex, type StoreView } from "../../contract/store.ts";
import { messageOf, UpstreamError } from "../../lib/errors.ts";
import { explain } from "../../lib/explain.ts";
import { readJsonIfThere, writeJsonAtomic } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import { textOf, type WebBounds, webGet } from "../web-request.ts";
import { listedEntries } from "./entries.ts";

export interface StoreSettings {
  /** Undefined: nothing is ever fetched. */
  url: string | undefined;
  refresh_ms: number;
}

interface StoreOptions {
  /** Where the fetched index is kept. */
  path: string;
  embedded: StoreIndex;
  settings(): Promise<StoreSettings>;
  log: Logger;
  clock?: () => number;
  bounds?: WebBounds;
}

const INDEX_BYTES_MAX = 4 * 1024 ** 2;
const BOUNDS: WebBounds = { answer_ms: 10_000, silence_ms: 10_000, total_ms: 60_000 };
/** After an attempt that failed. */
const RETRY_MS = 15 * 60_000;
/** How often it is looked whether it is time. */
const LOOK_MS = 60_000;

export class Store {
  readonly #options: StoreOptions;
  readonly #clock: () => number;
  #file: StoreFile | undefined;
  #loading: Promise<void> | undefined;
  #refreshing: Promise<void> | undefined;
  #failure: { at: number; url: string; text: string } | undefined;
  #timer: Timer | undefined;
  readonly #stopping = new AbortController();

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
  }

  /** Looks from now on, first after a while: a start has better things to do. */
  start(): void {
    this.#timer = setInterval(() => void this.refreshIfDue(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopping.abort(new Error("Luna stops"));
  }

  /** What there is, at once; begins to ask for a newer one if it is time. */
  async view(): Promise<StoreView> {
    const { url } = await this.#options.settings();
    const file = await this.#kept(url);
    void this.refreshIfDue();
    const age = file === undefined ? null : this.#clock() - Date.parse(file.fetched_at);
    return {
      origin: file === undefined ? "embedded" : "fetched",
      url: url ?? null,
      fetched_at: file?.fetched_at ?? null,
      age_s: age === null ? null : Math.max(0, Math.round(age / 1000)),
      is_refreshing: this.#refreshing !== undefined,
      error: this.#failureOf(url)?.text ?? null,
      ...this.#entries(file),
    };
  }

  /** The checksum that the index gives for a source, if it has one. */
  async checksumOf(source: string): Promise<string | undefined> {
    const { url } = await this.#options.settings();
    const { extensions } = this.#entries(await this.#kept(url));
    return extensions.find(({ install_source }) => install_source === source)?.sha256;
  }

  /** Never throws: nobody waits for it. */
  async refreshIfDue(): Promise<void> {
    try {
      await this.#refreshIfDue();
    } catch (error) {
      this.#options.log.warn("The store's settings cannot be read", { error });
    }
  }

  async #refreshIfDue(): Promise<void> {
    const { url, refresh_ms } = await this.#options.settings();
    if (url === undefined) return;
    const file = await this.#kept(url);
    const failure = this.#failureOf(url);
    const fetched = file === undefined ? 0 : Date.parse(file.fetched_at);
    const due = failure === undefined ? fetched + refresh_ms : failure.at + RETRY_MS;
    if (this.#clock() >= due) await this.refresh();
  }

  /** Asks for the index now; a failure keeps the old one, and is told in the view. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const { url } = await this.#options.settings();
    if (url === undefined) return;
    try {
      const file = await this.#fetch(url, await this.#kept(url));
      await writeJsonAtomic(this.#options.path, file);
      this.#file = file;
      this.#failure = undefined;
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#failure = { at: this.#clock(), url, text: messageOf(error) };
      this.#options.log.warn("The store's index could not be fetched", { error });
    }
  }

  async #fetch(url: string, known: StoreFile | undefined): Promise<StoreFile> {
    const answer = await webGet(url, {
      headers: {
        Accept: "application/json",
        ...(known?.etag ? { "If-None-Match": known.etag } : {}),
      },
      bounds: this.#options.bounds ?? BOUNDS,
      signal: this.#stopping.signal,
    });
    const { status, headers } = answer.response;
    const text = await textOf(answer, INDEX_BYTES_MAX);
    const fetched_at = new Date(this.#clock()).toISOString();
    if (status === 304 && known !== undefined) return { ...known, fetched_at };
    if (status !== 200) {
      throw new UpstreamError(`Cannot fetch the store's index: "${url}" answered ${status}`);
    }
    return { url, etag: headers.get("ETag"), fetched_at, index: parseIndex(url, text) };
  }

  #entries(file: StoreFile | undefined) {
    const fetched = listedEntries(file?.index ?? this.#options.embedded, file?.url);
    if (file === undefined) return fetched;
    // What is in the program can be installed whatever the index says.
    const own = listedEntries(this.#options.embedded, undefined);
    const missing = own.extensions.filter(
      ({ id }) => !fetched.extensions.some((extension) => extension.id === id),
    );
    return { ...fetched, extensions: [...missing, ...fetched.extensions] };
  }

  /** An index of another address is another store's. */
  async #kept(url: string | undefined): Promise<StoreFile | undefined> {
    this.#loading ??= this.#load();
    await this.#loading;
    return this.#file?.url === url ? this.#file : undefined;
  }

  #failureOf(url: string | undefined) {
    return this.#failure?.url === url ? this.#failure : undefined;
  }

  async #load(): Promise<void> {
    try {
      this.#file = await readJsonIfThere(this.#options.path, StoreFile);
    } catch (error) {
      // Only a copy of what can be fetched again.
      this.#options.log.warn("The kept index of the store cannot be read", { error });
    }
  }
}

function parseIndex(url: string, text: string): StoreIndex {
  const why = (reason: string): UpstreamError =>
    new UpstreamError(`Cannot use the store's index of "${url}": ${reason}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw why(`it is not JSON (${messageOf(error)})`);
  }
  const parsed = StoreIndex.safeParse(value);
  if (!parsed.success) throw why(explain(parsed.error));
  return parsed.data;
}
