/** The embedded files of the built Hub, each read once and kept with the tag of its content. */

export type Encoding = "br" | "gzip";

interface Asset {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string;
  type: string;
  encoding: Encoding | undefined;
}

const SUFFIXES: Record<Encoding, string> = { br: ".br", gzip: ".gz" };
const TAG_LENGTH = 22;

/** Bun names the types of scripts and pages with their charset; an embedded file has no name to tell it by. */
const TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webmanifest: "application/manifest+json",
  woff2: "font/woff2",
};

function typeOf(path: string): string {
  return TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
}

export class AssetStore {
  readonly #files: ReadonlyMap<string, string>;
  /** A whole Hub with its variants is under a megabyte. */
  readonly #read = new Map<string, Promise<Asset>>();

  /** @param assets public path → file, with compressed variants beside as `<path>.br` and `<path>.gz` */
  constructor(assets: Readonly<Record<string, string>>) {
    this.#files = new Map(Object.entries(assets));
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** The smallest variant of `path` in one of `encodings` (best first), or the plain file; undefined when there is none. */
  async read(path: string, encodings: readonly Encoding[]): Promise<Asset | undefined> {
    const encoding = encodings.find((candidate) => this.has(path + SUFFIXES[candidate]));
    const key = encoding === undefined ? path : path + SUFFIXES[encoding];
    const file = this.#files.get(key);
    if (file === undefined) return undefined;
    let asset = this.#read.get(key);
    if (asset === undefined) {
      asset = this.#load({ path, file, encoding });
      this.#read.set(key, asset);
      // A file that could not be read may be there the next time.
      asset.catch(() => this.#read.delete(key));
    }
    return await asset;
  }

  async #load(source: {
    path: string;
    file: string;
    encoding: Encoding | undefined;
  }): Promise<Asset> {
    const bytes = new Uint8Array(await Bun.file(source.file).arrayBuffer());
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("base64url");
    return {
      bytes,
      etag: `"${hash.slice(0, TAG_LENGTH)}"`,
      type: typeOf(source.path),
      encoding: source.encoding,
    };
  }
}
