/** Asks https addresses that a stranger named: only on the internet, without redirects, within bounds. */
import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isPublicAddress } from "./public-address.ts";

const HTTPS_PORT = 443;

/** How names become addresses and where these lead; tests have one of their own. */
export interface Network {
  resolve(host: string): Promise<string[]>;
  isPublic(address: string): boolean;
  /** Where an address names none. */
  port: number;
  /** Certificate authorities besides the system's. */
  ca?: string;
}

const THE_INTERNET: Network = {
  resolve: async (host) =>
    (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address),
  isPublic: isPublicAddress,
  port: HTTPS_PORT,
};

interface RequestLimits {
  bytesMax: number;
  /** For all of it: finding the address, connecting, and reading to the end. */
  timeoutMs: number;
  network?: Network | undefined;
}

interface GetOptions extends RequestLimits {
  accept: string;
  userAgent: string;
}

interface PublicRequest extends RequestLimits {
  method: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
}

interface Answered {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

interface Got {
  status: number;
  header(name: string): string | undefined;
  body: string;
}

/** Whether a host's name leads to the public internet, and nowhere else. */
export async function isPublicHost(hostname: string, network = THE_INTERNET): Promise<boolean> {
  const addresses = await network.resolve(bare(hostname));
  return addresses.length > 0 && addresses.every((address) => network.isPublic(address));
}

/** IPv6 addresses stand in brackets in a URL. */
const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, "$1");

async function addressOf({ hostname }: URL, { resolve, isPublic }: Network): Promise<string> {
  const addresses = await resolve(bare(hostname));
  const [first] = addresses;
  if (first === undefined) throw new Error(`"${hostname}" has no address`);
  // One that is not would be the one that is taken next time.
  const inside = addresses.find((address) => !isPublic(address));
  if (inside !== undefined) throw new Error(`"${hostname}" is no host of the public internet`);
  return first;
}

function read(response: IncomingMessage, bytesMax: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  response.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      reject(new Error(`the answer is over ${bytesMax} bytes`));
      response.destroy();
    } else chunks.push(chunk);
  });
  response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
  response.on("error", reject);
  response.on("close", () => reject(new Error("the answer broke off")));
  return promise;
}

/**
 * Connects to the very address that was looked at, so that a name which leads elsewhere a moment later does not; the
 * certificate has to be of the name. A redirect is an answer like any other.
 * @throws Error that says in a few words what was wrong
 */
export async function requestPublic(url: URL, asking: PublicRequest): Promise<Answered> {
  const { method, headers, body, bytesMax, timeoutMs, network = THE_INTERNET } = asking;
  if (url.protocol !== "https:" || url.username !== "" || url.password !== "") {
    throw new Error(`"${url.host}" has to be asked by https, and without a user`);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  let stop = (): void => undefined;
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    stop();
  }, timeoutMs);
  const ask = async (): Promise<void> => {
    const host = await addressOf(url, network);
    const asked = request({
      ...{ host, servername: bare(url.hostname), agent: false },
      port: url.port === "" ? network.port : Number(url.port),
      ...(network.ca === undefined ? {} : { ca: network.ca }),
      ...{ method, path: url.pathname + url.search },
      headers: { ...headers, Host: url.host, "Accept-Encoding": "identity", Connection: "close" },
    });
    stop = () => void asked.destroy();
    asked.on("error", reject);
    asked.on("response", (response) => {
      const { headers, statusCode: status = 0 } = response;
      read(response, bytesMax).then((body) => resolve({ status, headers, body }), reject);
    });
    asked.end(body);
  };
  ask().catch(reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/**
 * Gets what lies at an address without a port, which may be anybody's word.
 * @throws Error that says in a few words what was wrong
 */
export async function getPublic(url: URL, options: GetOptions): Promise<Got> {
  const { accept, userAgent, ...limits } = options;
  if (url.protocol !== "https:" || url.port !== "" || url.username !== "" || url.password !== "") {
    throw new Error("the address has to be https, without a port and without a user");
  }
  const { status, headers, body } = await requestPublic(url, {
    ...{ ...limits, method: "GET", headers: { Accept: accept, "User-Agent": userAgent } },
  });
  const header = (name: string): string | undefined => {
    const value = headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(", ") : value;
  };
  return { status, header, body };
}
