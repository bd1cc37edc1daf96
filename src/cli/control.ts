/** The command line's way to the running Luna: the control API on loopback, and auth's internal endpoints. */
import type { z } from "zod";
import { type Credentials, readCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { LoginLink } from "../contract/auth.ts";
import { Overview } from "../contract/process.ts";
import { UnavailableError } from "../lib/errors.ts";

const TIMEOUT_MS = 5_000;

interface Call {
  url: string;
  token: string;
  method?: "GET" | "POST";
}

async function call<Schema extends z.ZodType>(
  request: Call,
  schema: Schema,
): Promise<z.output<Schema>> {
  let response: Response;
  try {
    response = await fetch(request.url, {
      method: request.method ?? "GET",
      headers: { Authorization: `Bearer ${request.token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw new UnavailableError('Cannot reach Luna: it does not run here. Start it with "luna up"', {
      cause,
    });
  }
  if (!response.ok) {
    throw new UnavailableError(
      `Cannot talk to what answers at ${new URL(request.url).host}: it said ${response.status}; is it the Luna of another home?`,
    );
  }
  return schema.parse(await response.json());
}

export class Control {
  readonly #credentials: Credentials;
  readonly #ports: ReturnType<typeof portsWith>;

  constructor(environment: Environment, credentials: Credentials) {
    this.#credentials = credentials;
    this.#ports = portsWith(environment.portOffset);
  }

  /** With the credentials of the environment's home, which must have run before. */
  static async of(environment: Environment): Promise<Control> {
    const file = new EnvFile(pathsOf(environment.home).env);
    return new Control(environment, await readCredentials(file));
  }

  overview(): Promise<Overview> {
    const url = `http://127.0.0.1:${this.#ports.supervisor}/overview`;
    return call({ url, token: this.#credentials.supervisorToken }, Overview);
  }

  /** The address of a new one-time sign-in link. */
  async loginLink(publicUrl: string): Promise<string> {
    const url = `http://127.0.0.1:${this.#ports.auth}/login-links`;
    const { token } = await call(
      { url, token: this.#credentials.authToken, method: "POST" },
      LoginLink,
    );
    return `${publicUrl}/login#t=${token}`;
  }
}
