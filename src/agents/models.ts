/** The model to use now: LangChain is loaded once and late, and a model is made once for each endpoint. */
import type { ChatModel } from "./chat-model.ts";
import type { ModelEndpoint, ModelEndpoints } from "./model-endpoint.ts";

type Library = typeof import("./langchain-model.ts");

interface ModelsOptions {
  endpoints: Pick<ModelEndpoints, "now">;
  /** Makes a model of an endpoint; tests give other limits. */
  make?: (library: Library, endpoint: ModelEndpoint) => ChatModel;
}

export class Models {
  readonly #endpoints: Pick<ModelEndpoints, "now">;
  readonly #make: (library: Library, endpoint: ModelEndpoint) => ChatModel;
  #library: Promise<Library> | undefined;
  #latest: { of: string; model: ChatModel } | undefined;

  constructor({ endpoints, make = (library, at) => library.langchainModel(at) }: ModelsOptions) {
    this.#endpoints = endpoints;
    this.#make = make;
  }

  /** Loads LangChain, so that the first request need not wait for it. */
  async warm(): Promise<void> {
    await this.#load();
  }

  /** @throws ModelError `llm_not_configured` when there is none */
  async now(): Promise<ChatModel> {
    const endpoint = await this.#endpoints.now();
    const of = JSON.stringify(endpoint);
    if (this.#latest?.of === of) return this.#latest.model;
    const model = this.#make(await this.#load(), endpoint);
    this.#latest = { of, model };
    return model;
  }

  #load(): Promise<Library> {
    this.#library ??= import("./langchain-model.ts");
    return this.#library;
  }
}
