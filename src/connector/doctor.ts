/** Plays MCP clients against this Luna's public address, and leaves nothing of them. */
import type { DoctorClient, McpDoctorReport } from "../contract/mcp-doctor.ts";
import { ConflictError, messageOf } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { playClient, type TrialServer } from "./play.ts";
import { PROFILES } from "./profiles.ts";

export interface ConnectorDoctorOptions {
  /** The Hub's address, without a final slash. */
  publicUrl: string;
  /** Makes a named server for the moment. */
  openServer(): Promise<TrialServer>;
  closeServer(): Promise<void>;
  /** Removes a client that has registered. */
  removeClient(client_id: string): Promise<void>;
  log: Logger;
}

export class ConnectorDoctor {
  readonly #options: ConnectorDoctorOptions;
  #isBusy = false;

  constructor(options: ConnectorDoctorOptions) {
    this.#options = options;
  }

  /** @throws ConflictError while another one is at work */
  async examine(clients: readonly DoctorClient[]): Promise<McpDoctorReport> {
    if (this.#isBusy) {
      throw new ConflictError(
        "Cannot play MCP clients now: it is being done already; wait for that to end",
      );
    }
    this.#isBusy = true;
    try {
      return await this.#examine(clients);
    } finally {
      this.#isBusy = false;
      await this.#tidy("the server of the doctor", () => this.#options.closeServer());
    }
  }

  async #examine(clients: readonly DoctorClient[]): Promise<McpDoctorReport> {
    const { publicUrl, openServer, removeClient } = this.#options;
    const trial = await openServer();
    const report: McpDoctorReport = { url: publicUrl, healthy: true, clients: [] };
    for (const client of clients) {
      const profile = PROFILES[client];
      const { findings, client_id } = await playClient(publicUrl, profile, trial);
      report.clients.push({ client, label: profile.label, findings });
      if (findings.some(({ status }) => status === "fail")) report.healthy = false;
      if (client_id !== undefined) {
        await this.#tidy("the client of the doctor", () => removeClient(client_id));
      }
    }
    return report;
  }

  /** What stays opens nothing to anybody, and goes with the next time or by itself. */
  async #tidy(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.log.warn(`Cannot remove ${what}: ${messageOf(error)}`);
    }
  }
}
