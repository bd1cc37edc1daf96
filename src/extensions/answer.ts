/** What tools answer with when text is not enough: blocks of text, image, audio and resources. */
import type { ContentBlock } from "../contract/content.ts";

/** Bytes, or what they are in base64. */
type Bytes = Uint8Array | string;

const base64Of = (bytes: Bytes): string =>
  typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("base64");

export function text(value: string): ContentBlock {
  return { type: "text", text: value };
}

export function image(data: Bytes, mime_type: string): ContentBlock {
  return { type: "image", data: base64Of(data), mimeType: mime_type };
}

export function audio(data: Bytes, mime_type: string): ContentBlock {
  return { type: "audio", data: base64Of(data), mimeType: mime_type };
}

/** What a resource is: its address, and its text or its bytes. */
export interface Embedded {
  uri: string;
  mime_type?: string;
  text?: string;
  bytes?: Bytes;
}

/** A resource as MCP writes it. */
export function contentsOf({ uri, mime_type, text: own, bytes }: Embedded) {
  const told = { uri, ...(mime_type === undefined ? {} : { mimeType: mime_type }) };
  if (bytes !== undefined) return { ...told, blob: base64Of(bytes) };
  return { ...told, text: own ?? "" };
}

/** A resource with its contents. */
export function embedded(resource: Embedded): ContentBlock {
  return { type: "resource", resource: contentsOf(resource) };
}

/** A resource that the client may read, or not. */
export function link(resource: { uri: string; name: string; mime_type?: string }): ContentBlock {
  const { mime_type, ...told } = resource;
  return {
    type: "resource_link",
    ...told,
    ...(mime_type === undefined ? {} : { mimeType: mime_type }),
  };
}

export class ContentAnswer {
  readonly blocks: readonly ContentBlock[];
  /** The same as an object, for clients that compute with it. */
  readonly structured: Record<string, unknown> | undefined;

  constructor(blocks: readonly ContentBlock[], structured?: Record<string, unknown>) {
    this.blocks = blocks;
    this.structured = structured;
  }
}

/** An answer of blocks; return it from `run`, also as the payload of a pair. */
export function content(
  blocks: readonly ContentBlock[],
  structured?: Record<string, unknown>,
): ContentAnswer {
  return new ContentAnswer(blocks, structured);
}
