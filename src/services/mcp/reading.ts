/** Resources and prompts for a client: read, got, subscribed to, and completed. */
import {
  type CompleteRequest,
  type CompleteResult,
  type GetPromptRequest,
  type GetPromptResult,
  type InputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceRequest,
  type ReadResourceResult,
  ResourceNotFoundError,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { PromptMessage, ResourceContents } from "../../contract/content.ts";
import type { ToolResult } from "../../contract/tool.ts";
import { converse } from "./conversing.ts";
import type { Serving } from "./serving.ts";

const Contents = z.object({ contents: z.array(ResourceContents) });
const Messages = z.object({ messages: z.array(PromptMessage) });

function payloadOf<Schema extends z.ZodType>(result: ToolResult, schema: Schema) {
  if (!result.success) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, String(result.payload));
  }
  const parsed = schema.safeParse(result.payload);
  if (parsed.success) return parsed.data;
  const message = "The tool host's answer cannot be read";
  throw new ProtocolError(ProtocolErrorCode.InternalError, message);
}

export async function readResource(
  serving: Serving,
  { params: { uri } }: ReadResourceRequest,
  context: ServerContext,
): Promise<ReadResourceResult | InputRequiredResult> {
  const place = serving.askedOf(context).offer.resources.find(uri);
  if (place === undefined) throw new ResourceNotFoundError(uri);
  const outcome = await converse(serving, context, place);
  if ("required" in outcome) return outcome.required;
  if (outcome.result.success && outcome.result.payload === null)
    throw new ResourceNotFoundError(uri);
  return payloadOf(outcome.result, Contents);
}

export async function getPrompt(
  serving: Serving,
  { params }: GetPromptRequest,
  context: ServerContext,
): Promise<GetPromptResult | InputRequiredResult> {
  const { name } = params;
  const extension = serving.askedOf(context).offer.promptOwners.get(name);
  if (extension === undefined) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${name}`);
  }
  const wanted = { kind: "prompt", extension, name, arguments: params.arguments ?? {} } as const;
  const outcome = await converse(serving, context, wanted);
  return "required" in outcome ? outcome.required : payloadOf(outcome.result, Messages);
}

export async function complete(
  serving: Serving,
  { params }: CompleteRequest,
  context: ServerContext,
): Promise<CompleteResult> {
  const { offer } = serving.askedOf(context);
  const { ref, argument } = params;
  const asked =
    ref.type === "ref/prompt"
      ? { kind: "prompt" as const, name: ref.name }
      : { kind: "template" as const, name: ref.uri };
  const owners = asked.kind === "prompt" ? offer.promptOwners : offer.resources.templateOwners;
  const extension = owners.get(asked.name);
  if (extension === undefined) {
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `Unknown ${asked.kind}: ${asked.name}`,
    );
  }
  const values = await serving.tools.client.complete(extension, {
    ...asked,
    ...{ argument: argument.name, value: argument.value, others: params.context?.arguments ?? {} },
  });
  return { completion: { values, total: values.length, hasMore: false } };
}

/** Notes what a session wants to hear of. */
export function subscribe(serving: Serving, uri: string, context: ServerContext): void {
  if (serving.askedOf(context).offer.resources.find(uri) === undefined) {
    throw new ResourceNotFoundError(uri);
  }
  serving.session?.subscriptions.add(uri);
}
