/** Calls that say nothing but which tool they want, and with what: what is known of one is known of all like it. */

const METHOD = "tools/call";
/** Clients, in all their versions and with all that they can. */
const MANNERS_MAX = 256;
const MANNER_LENGTH_MAX = 4_096;
/** What a request says of itself and its client; other members may be new each time. */
const ENVELOPE = /^io\.modelcontextprotocol\//;

interface Message {
  jsonrpc: "2.0";
  id: string | number;
  method: typeof METHOD;
  params: {
    name: string;
    arguments?: Record<string, unknown>;
    _meta?: Record<string, unknown>;
  };
}

const MEMBERS: ReadonlySet<string> = new Set(["jsonrpc", "id", "method", "params"]);
const PARAMS: ReadonlySet<string> = new Set(["name", "arguments", "_meta"]);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasOnly(record: object, allowed: (key: string) => boolean): boolean {
  for (const key in record) if (!allowed(key)) return false;
  return true;
}

/** By hand: a schema takes longer than all else that is done with such a message. */
function isPlain(message: unknown): message is Message {
  if (!isRecord(message) || message["method"] !== METHOD || message["jsonrpc"] !== "2.0") {
    return false;
  }
  const { id, params } = message;
  const isId = typeof id === "string" || Number.isSafeInteger(id);
  if (!isId || !isRecord(params) || !hasOnly(message, (key) => MEMBERS.has(key))) return false;
  const { name, arguments: given, _meta } = params;
  return (
    typeof name === "string" &&
    (given === undefined || isRecord(given)) &&
    (_meta === undefined || (isRecord(_meta) && hasOnly(_meta, (key) => ENVELOPE.test(key)))) &&
    hasOnly(params, (key) => PARAMS.has(key))
  );
}

export interface PlainCall {
  message: Message;
  /** All that its request says besides the call. */
  manner: string;
}

/** A message as a plain call; undefined for everything else, and for what says too much to be remembered. */
export function plainCallOf(message: unknown, headers: Headers): PlainCall | undefined {
  if (!isPlain(message)) return undefined;
  const { method, params } = message;
  const [saidMethod, saidName] = [headers.get("Mcp-Method"), headers.get("Mcp-Name")];
  const isSaidTwice = saidMethod === method && saidName === params.name;
  if (!isSaidTwice && (saidMethod ?? saidName) !== null) return undefined;
  const names = ["Content-Type", "Accept", "MCP-Protocol-Version"];
  const said = [isSaidTwice, ...names.map((name) => headers.get(name)), params._meta];
  const manner = JSON.stringify(said);
  return manner.length <= MANNER_LENGTH_MAX ? { message, manner } : undefined;
}

/** What is known of manners, those that were new last. */
export class Manners<Known> {
  readonly #known = new Map<string, Known>();

  get({ manner }: PlainCall): Known | undefined {
    return this.#known.get(manner);
  }

  set({ manner }: PlainCall, known: Known): void {
    if (this.#known.has(manner)) return;
    this.#known.set(manner, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MANNERS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}
