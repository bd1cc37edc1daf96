/** Gets what lies at an https address that a stranger named: only from the internet, without redirects, within bounds. */
import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isPublicAddress } from "./public-address.ts";

const HTTPS_PORT = 443;

/** How names become addresses and where these lead; tests have one of their own. */
export interface Network {
  resolve(host: string): Promise<string[]>;
  isPublic(address: string): boolean;
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

interface GetOptions {
  accept: string;
  bytesMax: number;
  /** For all of it: finding the address, connecting, and reading to the end. */
  timeoutMs: number;
  userAgent: string;
  network?: Network | undefined;
}

interface Got {
  status: number;
  header(name: string): string | undefined;
  body: string;
}

async function addressOf({ hostname }: URL, { resolve, isPublic }: Network): Promise<string> {
  const addresses = await resolve(hostname.replace(/^\[(.*)\]$/, "$1"));
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
 * certificate has to be of the name.
 * @throws Error that says in a few words what was wrong
 */
export async function getPublic(url: URL, options: GetOptions): Promise<Got> {
  const { accept, bytesMax, timeoutMs, userAgent, network = THE_INTERNET } = options;
  if (url.protocol !== "https:" || url.port !== "" || url.username !== "" || url.password !== "") {
    throw new Error("the address has to be https, without a port and without a user");
  }
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  let stop = (): void => undefined;
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${timeoutMs / 1000} s`));
    stop();
  }, timeoutMs);
  const get = async (): Promise<void> => {
    const host = await addressOf(url, network);
    const asked = request({
      ...{ host, port: network.port, servername: url.hostname, agent: false },
      ...(network.ca === undefined ? {} : { ca: network.ca }),
      ...{ method: "GET", path: url.pathname + url.search },
      headers: {
        Host: url.host,
        Accept: accept,
        "Accept-Encoding": "identity",
        "User-Agent": userAgent,
        Connection: "close",
      },
    });
    stop = () => void asked.destroy();
    asked.on("error", reject);
    asked.on("response", (response) => {
      const { headers, statusCode: status = 0 } = response;
      const header = (name: string): string | undefined => {
        const value = headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(", ") : value;
      };
      read(response, bytesMax).then((body) => resolve({ status, header, body }), reject);
    });
    asked.end();
  };
  get().catch(reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stop();
  }
}
