/** What a tool, a prompt or a resource may hold besides plain text. The shapes are those of MCP: they go to clients unchanged. */
import { z } from "zod";

const Base64 = z.base64();

/** A text or a file's bytes at an address, as `resources/read` answers it. */
export const ResourceContents = z.union([
  z.looseObject({ uri: z.string(), mimeType: z.string().optional(), text: z.string() }),
  z.looseObject({ uri: z.string(), mimeType: z.string().optional(), blob: Base64 }),
]);
export type ResourceContents = z.infer<typeof ResourceContents>;

export const ContentBlock = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("text"), text: z.string() }),
  z.looseObject({ type: z.literal("image"), data: Base64, mimeType: z.string() }),
  z.looseObject({ type: z.literal("audio"), data: Base64, mimeType: z.string() }),
  z.looseObject({ type: z.literal("resource"), resource: ResourceContents }),
  z.looseObject({ type: z.literal("resource_link"), uri: z.string(), name: z.string() }),
]);
export type ContentBlock = z.infer<typeof ContentBlock>;

export const PromptMessage = z.object({
  role: z.enum(["user", "assistant"]),
  content: ContentBlock,
});
export type PromptMessage = z.infer<typeof PromptMessage>;

/** A block for whoever reads text alone: an agent's model, the Hub, a log. */
function textOfBlock(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio":
      return `[${block.type}, ${block.mimeType}]`;
    case "resource_link":
      return `[${block.name}: ${block.uri}]`;
    case "resource": {
      const { resource } = block;
      return "text" in resource ? String(resource["text"]) : `[resource ${resource.uri}]`;
    }
  }
}

export function textOfContent(blocks: readonly ContentBlock[]): string {
  return blocks.map(textOfBlock).join("\n");
}
