/** What the MCP service needs of Luna's tools: the catalogue, and ways to call what is in it. */
import type { Caller } from "../../contract/audit.ts";
import type { MasterConfig } from "../../contract/config.ts";
import type {
  PromptDescription,
  ResourceDescription,
  TemplateDescription,
  ToolDescription,
} from "../../contract/tool.ts";
import type {
  Answers,
  CallerAbilities,
  HostCompletion,
  HostEvent,
} from "../../contract/tool-call.ts";
import type { Outcome, Ticket } from "../../tools/client.ts";

type OfExtension<Told> = Told & { extension: string };

/** Another name than it is offered by is its extension's for it. */
type CatalogueTool = OfExtension<ToolDescription> & { own_name?: string };

/** What all enabled extensions have; the same object as long as nothing changed. */
export interface Catalogue {
  readonly tools: readonly CatalogueTool[];
  readonly resources: readonly OfExtension<ResourceDescription>[];
  readonly templates: readonly OfExtension<TemplateDescription>[];
  readonly prompts: readonly OfExtension<PromptDescription>[];
  readonly system_prompts: readonly { extension: string; text: string }[];
}

/** Who waits for a call. Aborting `signal` ends the call. */
interface Listening {
  signal?: AbortSignal;
  abilities: CallerAbilities;
  onEvent(event: HostEvent): void;
}

export interface ToolSource {
  /** @param config as it is now */
  catalogue: { read(config: MasterConfig): Promise<Catalogue> };
  client: {
    /**
     * A tool's own failure is a result.
     * @throws NotFoundError when there is no such tool
     */
    converse(
      request: Listening & {
        tool: string;
        /** As the catalogue says now. */
        place?: CatalogueTool | undefined;
        arguments: Record<string, unknown>;
        caller: Caller;
        answers?: Answers | undefined;
      },
    ): Promise<Outcome>;
    serve(
      request: Listening & {
        kind: "resource" | "template" | "prompt";
        extension: string;
        name: string;
        arguments: Record<string, unknown>;
        answers?: Answers | undefined;
      },
    ): Promise<Outcome>;
    resume(
      request: Listening & {
        ticket: Ticket;
        answers: Answers;
        arguments: Record<string, unknown>;
        caller: Caller;
      },
    ): Promise<Outcome>;
    cancel(ticket: Ticket): Promise<void>;
    complete(extension: string, asked: HostCompletion): Promise<string[]>;
  };
}
