/** Which model answers: the configured server, else a local Ollama that is there, else a word on what to do. */
import { ModelError } from "./model-error.ts";
import type { Ollama } from "./ollama.ts";

export interface ModelEndpoint {
  /** The API's address, such as `https://api.openai.com/v1`. */
  base_url: string;
  /** The same for people: without user, password and query. */
  address: string;
  /** Empty for servers that want none. */
  key: string;
  model: string;
}

const OPENAI_URL = "https://api.openai.com/v1";

interface ModelEndpointsOptions {
  /** `OPENAI_BASE_URL`; any OpenAI-compatible server. */
  baseUrl: string | undefined;
  /** `OPENAI_API_KEY`. */
  apiKey: string | undefined;
  /** `LLM_DEFAULT_MODEL`: goes before `luna.default_llm`. */
  model: string | undefined;
  /** `luna.default_llm` of master_config.json as it is now. */
  configuredModel: () => Promise<string>;
  ollama: Ollama;
}

function notConfigured(why: string): ModelError {
  return new ModelError({
    code: "llm_not_configured",
    status: 503,
    message: `Cannot answer: ${why}. Set OPENAI_API_KEY (and OPENAI_BASE_URL for a server other than OpenAI's) on the Hub's page Keys & secrets or with "luna secrets set", or run Ollama on this machine; tools, MCP and the Hub work without a model`,
  });
}

function addressOf(baseUrl: string): string {
  const url = URL.parse(baseUrl);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw notConfigured("OPENAI_BASE_URL is not an http or https address");
  }
  return `${url.origin}${url.pathname}`;
}

export class ModelEndpoints {
  readonly #options: ModelEndpointsOptions;

  constructor(options: ModelEndpointsOptions) {
    this.#options = options;
  }

  /** @throws ModelError `llm_not_configured` when there is no model at all */
  async now(): Promise<ModelEndpoint> {
    const { baseUrl, apiKey, model, configuredModel, ollama } = this.#options;
    if (baseUrl !== undefined || apiKey !== undefined) {
      const base_url = (baseUrl ?? OPENAI_URL).replace(/\/+$/, "");
      const address = addressOf(base_url);
      return { base_url, address, key: apiKey ?? "", model: model ?? (await configuredModel()) };
    }
    const local = await ollama.models();
    if (local === undefined) throw notConfigured("no language model is configured");
    const configured = await configuredModel();
    const chosen = model ?? (local.includes(configured) ? configured : local[0]);
    if (chosen === undefined) {
      throw notConfigured(
        'the Ollama of this machine has no model yet (try "ollama pull llama3.2")',
      );
    }
    return { base_url: ollama.baseUrl, address: ollama.baseUrl, key: "", model: chosen };
  }
}
