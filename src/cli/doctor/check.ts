/** What a check of `luna doctor` is given, and what it answers. */
import type { Environment } from "../../config/environment.ts";
import type { Paths } from "../../config/paths.ts";
import type { Ports } from "../../config/ports.ts";
import type { Overview } from "../../contract/process.ts";

export interface DoctorContext {
  environment: Environment;
  paths: Paths;
  /** Those of the Luna that runs here; without one, those that the next one would take. */
  ports: Ports;
  /** The supervisor that runs in this home; its overview as it is now, unless it does not answer. */
  supervisor: { pid: number; overview(): Promise<Overview | undefined> } | undefined;
  /** Whether a bootstrap holds the home: it brings a supervisor back. */
  isHeld: boolean;
}

export interface Finding {
  status: "ok" | "warn" | "fail";
  /** A short sentence. */
  title: string;
  /** More of it, line by line; "" when the title says all. */
  detail: string;
  /** The command that fixes it; "" when there is nothing to fix. */
  fix: string;
}

export interface Check {
  id: string;
  run(context: DoctorContext): Promise<Finding>;
  /** Fixes what `run` found, where a program may do that by itself. */
  repair?(context: DoctorContext): Promise<void>;
}

export function ok(title: string, detail = ""): Finding {
  return { status: "ok", title, detail, fix: "" };
}

/** For what a program may fix by itself. */
export const DOCTOR_FIX = "luna doctor --fix";
