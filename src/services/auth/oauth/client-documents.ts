/** Clients that are known by the https address of a document about them (OAuth Client ID Metadata Documents). */
import { isIP } from "node:net";
import type { MasterConfigStore } from "../../../config/master-config.ts";
import { VERSION } from "../../../config/version.ts";
import { ClientDocument } from "../../../contract/oauth.ts";
import { messageOf } from "../../../lib/errors.ts";
import { explain } from "../../../lib/explain.ts";
import type { Network } from "../../../lib/public-request.ts";
import { OAuthError } from "./oauth-error.ts";

const ADDRESS_LENGTH_MAX = 512;
/** Real ones have less than two. */
const DOCUMENT_BYTES_MAX = 16 * 1024;
const FETCH_TIMEOUT_MS = 5_000;
/** However short a document says it is good for, or however long. */
const FRESH_MIN_MS = 60_000;
const FRESH_MAX_MS = 24 * 60 * 60_000;
const FRESH_DEFAULT_MS = 15 * 60_000;
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i;

/** Whether a client's id is the address of its document: https, a name and a path, in its one spelling. */
export function isDocumentAddress(id: string): boolean {
  if (id.length > ADDRESS_LENGTH_MAX || !id.startsWith("https://") || !URL.canParse(id)) {
    return false;
  }
  const { href, hostname, pathname, port, username, password, hash } = new URL(id);
  const isPlain = port === "" && username === "" && password === "" && hash === "";
  // The parser resolves dots and lower-cases, so any other spelling differs.
  return href === id && isPlain && pathname !== "/" && !isAddress(hostname);
}

/** A number, or a name of one label, is no host of the internet. */
function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 || !hostname.includes(".");
}

/** How long the answer may be kept (RFC 9111, `max-age`), within bounds. */
export function freshMs(cacheControl: string | undefined): number {
  const directives = (cacheControl ?? "").toLowerCase();
  if (/\bno-(?:store|cache)\b/.test(directives)) return FRESH_MIN_MS;
  const maxAge = /\bmax-age=(\d{1,9})\b/.exec(directives)?.[1];
  if (maxAge === undefined) return FRESH_DEFAULT_MS;
  return Math.min(Math.max(Number(maxAge) * 1000, FRESH_MIN_MS), FRESH_MAX_MS);
}

function refusal(id: string, why: string): OAuthError {
  return new OAuthError("invalid_client", `Cannot use the client "${id}": ${why}`, { status: 400 });
}

export interface FoundDocument {
  document: ClientDocument;
  freshMs: number;
}

interface ClientDocumentsOptions {
  /** The internet when it is missing. */
  network?: Network | undefined;
  config: Pick<MasterConfigStore, "read">;
}

export class ClientDocuments {
  readonly #options: ClientDocumentsOptions;

  constructor(options: ClientDocumentsOptions) {
    this.#options = options;
  }

  /** Whether clients may be known so: not where the owner says that this Luna cannot, or shall not, fetch anything. */
  async areWanted(): Promise<boolean> {
    return (await this.#options.config.read()).mcp.client_documents;
  }

  /**
   * Fetches what lies at a client's id.
   * @throws OAuthError when it is not there, or is no document of this client
   */
  async fetch(id: string): Promise<FoundDocument> {
    if (!(await this.areWanted())) {
      throw refusal(
        id,
        "this Luna fetches no documents (mcp.client_documents in its configuration)",
      );
    }
    // With the first such client: most Lunas have none.
    const { getPublic } = await import("../../../lib/public-request.ts");
    const got = await getPublic(new URL(id), {
      ...{ accept: "application/json", userAgent: `Luna/${VERSION}` },
      ...{
        bytesMax: DOCUMENT_BYTES_MAX,
        timeoutMs: FETCH_TIMEOUT_MS,
        network: this.#options.network,
      },
    }).catch((error: unknown) => {
      throw refusal(id, `its document cannot be fetched, ${messageOf(error)}`);
    });
    // A redirect is an answer like any other that is not 200: it is not followed.
    if (got.status !== 200) throw refusal(id, `its document answers with status ${got.status}`);
    if (!JSON_TYPE.test(got.header("Content-Type") ?? "")) {
      throw refusal(id, "its document is not application/json");
    }
    return { document: parseDocument(id, got.body), freshMs: freshMs(got.header("Cache-Control")) };
  }
}

function parseDocument(id: string, body: string): ClientDocument {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw refusal(id, "its document is not JSON");
  }
  const parsed = ClientDocument.safeParse(value);
  if (!parsed.success) throw refusal(id, `its document is wrong, ${explain(parsed.error)}`);
  // Compared as text, so that one address cannot speak for another.
  if (parsed.data.client_id !== id) throw refusal(id, "its document is of another client");
  return parsed.data;
}
