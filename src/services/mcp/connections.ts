/** Records the first request of each client that was let in: the step at which it is connected. */
import type { AuditTrail } from "../../audit/trail.ts";
import type { Caller } from "../../contract/audit.ts";
import { FIRST_REQUEST_ACTION } from "../../contract/mcp-connection.ts";

/** One that comes again after so long is told again. */
export const REMEMBERED_MS = 24 * 3_600_000;
/** More than there are clients. */
const REMEMBERED_MAX = 10_000;
const TEXT_LENGTH_MAX = 200;

interface ConnectionsOptions {
  audit: Pick<AuditTrail, "record">;
  /** Milliseconds since 1970. */
  clock: () => number;
}

interface Came {
  /** Which server, and with what; never told. */
  binding: string;
  server: string;
  caller: Caller;
  request: Request;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  /** When each was told. */
  readonly #told = new Map<string, number>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  note({ binding, server, caller, request }: Came): void {
    const { audit, clock } = this.#options;
    const now = clock();
    const told = this.#told.get(binding);
    if (told !== undefined && now - told < REMEMBERED_MS) return;
    if (this.#told.size >= REMEMBERED_MAX) this.#told.clear();
    this.#told.set(binding, now);
    const text = (header: string): string =>
      request.headers.get(header)?.slice(0, TEXT_LENGTH_MAX) ?? "";
    audit.record({
      ...caller,
      ...{ action: FIRST_REQUEST_ACTION, target: server, outcome: "ok" },
      details: { user_agent: text("User-Agent"), protocol: text("MCP-Protocol-Version") },
    });
  }
}
