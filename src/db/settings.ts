/** Which database to use, out of the environment: SQLite, unless Postgres is configured. */
import { z } from "zod";
import { InvalidInputError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";

interface SqliteSettings {
  dialect: "sqlite";
  path: string;
}

/** How to reach Postgres: an address with everything in it, or the parts. */
export interface PostgresSettings {
  dialect: "postgres";
  connection:
    | { url: string }
    | { host: string; port: number; database: string; username: string; password: string };
  /** Host, port and database for messages; never the password. */
  where: string;
  /** For the logger, which must never write it. */
  password: string;
}

export type DatabaseSettings = SqliteSettings | PostgresSettings;

const PORT_DEFAULT = 5432;
const POSTGRES_SCHEME = /^postgres(?:ql)?:$/;

/** A variable that is set to nothing counts as not set. */
const Variable = z
  .string()
  .optional()
  .transform((value) => (value === "" ? undefined : value));

const DatabaseVariables = z.object({
  DATABASE_URL: Variable,
  DB_HOST: Variable,
  DB_PORT: Variable.transform((port) => port ?? String(PORT_DEFAULT)).pipe(
    z.coerce.number<string>().int().min(1).max(65_535),
  ),
  DB_NAME: Variable.transform((name) => name ?? "luna"),
  DB_USER: Variable.transform((user) => user ?? "postgres"),
  DB_PASSWORD: Variable.transform((password) => password ?? ""),
});

/** A percent sign that encodes nothing makes an address unreadable, for the driver too. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function fromUrl(text: string): PostgresSettings {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const password = decoded(url?.password ?? "");
  if (url === undefined || !POSTGRES_SCHEME.test(url.protocol) || password === undefined) {
    throw new InvalidInputError(
      'Cannot use DATABASE_URL: it should look like "postgres://user:password@host:5432/database", with special characters percent-encoded',
    );
  }
  const where = `${url.hostname}:${url.port || PORT_DEFAULT}${url.pathname}`;
  return { dialect: "postgres", connection: { url: text }, where, password };
}

/**
 * The database that `variables` ask for: DATABASE_URL first, then DB_HOST and its companions,
 * else the SQLite file at `path`.
 * @throws InvalidInputError when a variable makes no sense
 */
export function databaseSettings(
  variables: Readonly<Record<string, string | undefined>>,
  path: string,
): DatabaseSettings {
  const parsed = DatabaseVariables.safeParse(variables);
  if (!parsed.success) {
    throw new InvalidInputError(`Cannot read the database's settings: ${explain(parsed.error)}`);
  }
  const { DATABASE_URL, DB_HOST: host, DB_PORT: port, DB_NAME: database } = parsed.data;
  if (DATABASE_URL !== undefined) return fromUrl(DATABASE_URL);
  if (host === undefined) return { dialect: "sqlite", path };
  const { DB_USER: username, DB_PASSWORD: password } = parsed.data;
  const connection = { host, port, database, username, password };
  return { dialect: "postgres", connection, where: `${host}:${port}/${database}`, password };
}
