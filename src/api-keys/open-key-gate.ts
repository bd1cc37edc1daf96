/** The gate as the processes have it that keys are shown to. */
import type { MasterConfig } from "../contract/config.ts";
import type { Logger } from "../lib/log.ts";
import { RateLimiter } from "../lib/rate-limit.ts";
import { KeyCheck } from "./key-check.ts";
import { KeyGate } from "./key-gate.ts";
import { sendToSupervisor, UseReport } from "./use-report.ts";

/** More than there can be keys, and servers with keys of their own. */
const LIMITED_MAX = 1_000;

interface OpenKeyGateOptions {
  /** Of `.luna/api_keys.json`. */
  path: string;
  config: { read(): Promise<MasterConfig> };
  supervisorUrl: string;
  /** What the supervisor knows this process by. */
  token: string;
  log: Logger;
}

/** @returns the gate, and what to flush at the end */
export function openKeyGate({ path, config, supervisorUrl, token, log }: OpenKeyGateOptions) {
  const clock = Date.now;
  const uses = new UseReport({ send: sendToSupervisor(supervisorUrl, token), clock, log });
  const gate = new KeyGate({
    check: new KeyCheck({ path, clock }),
    limiter: new RateLimiter({ clock: () => performance.now(), namesMax: LIMITED_MAX }),
    config,
    uses,
  });
  return { gate, uses };
}
