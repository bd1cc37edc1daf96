/** The command line's way to the running Luna: the control API on loopback, and auth's internal endpoints. */
import { z } from "zod";
import { type Credentials, readCredentials } from "../config/credentials.ts";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { pathsOf } from "../config/paths.ts";
import { portsWith } from "../config/ports.ts";
import { runningOffset } from "../config/running.ts";
import { AuditPage } from "../contract/audit.ts";
import { Ended, LoginLink } from "../contract/auth.ts";
import { ErrorBody } from "../contract/error.ts";
import { OAuthClientList } from "../contract/oauth.ts";
import { Overview } from "../contract/process.ts";
import { LunaError, UnavailableError } from "../lib/errors.ts";

const TIMEOUT_MS = 5_000;

interface Call {
  url: string;
  token: string;
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A form as it is; anything else as JSON. */
  body?: unknown;
  /** For what may take longer than a moment. */
  timeoutMs?: number;
}

function bodyOf({ body, token }: Call): Pick<RequestInit, "headers" | "body"> {
  const headers = { Authorization: `Bearer ${token}` };
  if (body === undefined) return { headers };
  if (body instanceof FormData) return { headers, body };
  return {
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
}

async function call<Schema extends z.ZodType>(
  request: Call,
  schema: Schema,
): Promise<z.output<Schema>> {
  const { timeoutMs = TIMEOUT_MS } = request;
  let response: Response;
  let text: string;
  try {
    response = await fetch(request.url, {
      method: request.method ?? "GET",
      ...bodyOf(request),
      signal: AbortSignal.timeout(timeoutMs),
    });
    // One that dies in the middle of its answer has not answered.
    text = await response.text();
  } catch (cause) {
    if (cause instanceof Error && cause.name === "TimeoutError") {
      const seconds = timeoutMs / 1000;
      throw new UnavailableError(`Cannot get an answer of Luna: it gave none in ${seconds} s`);
    }
    throw new UnavailableError('Cannot reach Luna: it does not run here. Start it with "luna up"', {
      cause,
    });
  }
  if (!response.ok) throw refusal(response, text);
  return schema.parse(JSON.parse(text));
}

/** What Luna itself says; anything else comes from another program, or the Luna of another home. */
function refusal(response: Response, text: string): LunaError {
  const isTokenRefused = response.status === 401;
  const body = isTokenRefused ? undefined : errorIn(text);
  if (body !== undefined) {
    const { code, message } = body.error;
    return new LunaError({ code, status: response.status }, message, {});
  }
  return new UnavailableError(
    `Cannot talk to what answers at ${new URL(response.url).host}: it said ${response.status}; is it the Luna of another home?`,
  );
}

function errorIn(text: string): ErrorBody | undefined {
  try {
    return ErrorBody.parse(JSON.parse(text));
  } catch {
    // Not an error as Luna writes them.
    return undefined;
  }
}

const Done = z.record(z.string(), z.literal(true));

export type ServiceAction = "start" | "stop" | "restart";

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
    const portOffset = runningOffset(environment);
    return new Control({ ...environment, portOffset }, await readCredentials(file));
  }

  overview(): Promise<Overview> {
    return this.ask("/overview", Overview);
  }

  /** Asks the control API for anything else. */
  ask<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    request: Pick<Call, "method" | "body" | "timeoutMs"> = {},
  ): Promise<z.output<Schema>> {
    const url = `http://127.0.0.1:${this.#ports.supervisor}${path}`;
    return call({ url, token: this.#credentials.supervisorToken, ...request }, schema);
  }

  /** A page of the audit log; `query` is that of `GET /auth/audit`. */
  audit(query: Record<string, string | number | undefined>): Promise<AuditPage> {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const url = `http://127.0.0.1:${this.#ports.auth}/audit?${new URLSearchParams(given)}`;
    return call({ url, token: this.#credentials.authToken }, AuditPage);
  }

  /** Asks for it; a start and a restart then take their time. */
  async act(name: string, action: ServiceAction): Promise<void> {
    await this.ask(`/services/${encodeURIComponent(name)}/${action}`, Done, { method: "POST" });
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

  /** The MCP clients that the owner has let in. */
  oauthClients(): Promise<OAuthClientList> {
    const url = `http://127.0.0.1:${this.#ports.auth}/oauth/clients`;
    return call({ url, token: this.#credentials.authToken }, OAuthClientList);
  }

  /** Ends all that a client was allowed. */
  async removeOAuthClient(client_id: string): Promise<void> {
    const query = new URLSearchParams({ client_id });
    const url = `http://127.0.0.1:${this.#ports.auth}/oauth/clients?${query}`;
    await call({ url, token: this.#credentials.authToken, method: "DELETE" }, Done);
  }

  /** Sets the owner's passphrase, or removes it with null; returns how many sessions that ended. */
  async setPassphrase(passphrase: string | null): Promise<number> {
    const url = `http://127.0.0.1:${this.#ports.auth}/passphrase`;
    const token = this.#credentials.authToken;
    return (await call({ url, token, method: "PUT", body: { passphrase } }, Ended)).ended;
  }
}
