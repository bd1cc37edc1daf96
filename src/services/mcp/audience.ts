/** Everybody who is to hear when something that they are offered changes, and who looks whether it did. */
import { messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Asked } from "./asked.ts";
import type { Offer } from "./offer.ts";
import type { Change } from "./serving.ts";

/** How soon a change is told. A look costs a few stat calls while nothing changed. */
const LOOK_MS = 200;

export type ListName = "tools" | "resources" | "prompts";

/** One session, or the subscriptions of one key. */
export interface Listener {
  /** What was offered when it was told last. */
  offer: Offer;
  /** The same for all whose `refresh` says the same. */
  binding: string;
  refresh: Asked["refresh"];
  /** Tells that lists are not what they were. */
  listChanged(names: readonly ListName[]): void;
  resourceUpdated(uri: string): void;
  /** Its key does not open the server any more. */
  dismiss(): void;
}

/** The lists of an offer as text, made once: what is compared is what clients would see. */
const texts = new WeakMap<Offer, Readonly<Record<ListName, string>>>();

function textsOf(offer: Offer): Readonly<Record<ListName, string>> {
  const known = texts.get(offer);
  if (known !== undefined) return known;
  const { list, templates } = offer.resources;
  const made = {
    tools: JSON.stringify(offer.tools),
    resources: JSON.stringify([list, templates]),
    prompts: JSON.stringify(offer.prompts),
  };
  texts.set(offer, made);
  return made;
}

function changedLists(before: Offer, now: Offer): ListName[] {
  if (before === now) return [];
  const [old, present] = [textsOf(before), textsOf(now)];
  return (["tools", "resources", "prompts"] as const).filter((name) => old[name] !== present[name]);
}

export class Audience {
  readonly #listeners = new Set<Listener>();
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @returns takes the listener away again */
  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  /** What an extension says of itself, for whoever is offered something of it. */
  announce(extension: string, { what, uri }: Change): void {
    for (const listener of this.#listeners) {
      if (!listener.offer.extensions.has(extension)) continue;
      if (what !== undefined) listener.listChanged([what]);
      if (uri !== undefined && listener.offer.resources.find(uri)?.extension === extension) {
        listener.resourceUpdated(uri);
      }
    }
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const looks = new Map<string, ReturnType<Asked["refresh"]>>();
      for (const listener of [...this.#listeners]) {
        const { binding } = listener;
        const look = looks.get(binding) ?? listener.refresh();
        looks.set(binding, look);
        await this.#tellOf(listener, look);
      }
    } finally {
      this.#looking = false;
    }
  }

  async #tellOf(listener: Listener, look: ReturnType<Asked["refresh"]>): Promise<void> {
    let offer: Offer | undefined;
    try {
      offer = await look;
    } catch (error) {
      // A configuration that does not parse at this moment changes nothing.
      this.#log.debug("Cannot look for changes", { why: messageOf(error) });
      return;
    }
    if (!this.#listeners.has(listener)) return;
    if (offer === undefined) {
      listener.dismiss();
      return;
    }
    const changed = changedLists(listener.offer, offer);
    listener.offer = offer;
    if (changed.length > 0) listener.listChanged(changed);
  }
}
