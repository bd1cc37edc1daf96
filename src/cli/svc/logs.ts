/** `luna svc logs <name>`: what a service and its commands wrote, whether Luna runs or not. */
import type { Environment } from "../../config/environment.ts";
import { ServiceName } from "../../contract/external-service.ts";
import { NotFoundError } from "../../lib/errors.ts";
import { logs } from "../logs.ts";

export function serviceLogs(environment: Environment, args: string[]): Promise<number> {
  const [name = ""] = args;
  if (ServiceName.safeParse(name).success) return logs(environment, args);
  throw new NotFoundError(`Cannot show the log of "${name}": give the name of a service first`);
}
