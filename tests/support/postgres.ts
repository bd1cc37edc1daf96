/** A real Postgres server of its own: a temporary cluster on a unix socket, gone after the tests. */
import { chown, mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import connect from "postgres";
import type { PostgresSettings } from "../../src/db/settings.ts";
import { until } from "./until.ts";

/** The socket's name is `.s.PGSQL.<port>`; nothing listens on TCP. */
const PORT = 5432;
const USER = "luna";
const MEMORY_FOLDER = "/dev/shm";
const MEMORY_BYTES_MIN = 4 * 1024 ** 3;
const START_TIMEOUT_MS = 30_000;
/** Postgres refuses to run as root; Debian's packages bring this user. */
const SERVER_USER = "postgres";

export interface PostgresServer {
  /** A new, empty database. */
  createDatabase(): Promise<PostgresSettings>;
  /** Ends the server as a crash does: connections are cut, data stays. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Ends the server and removes its files. */
  remove(): Promise<void>;
}

/** The folder with `initdb` and `postgres`, empty for PATH. Debian keeps them out of PATH. */
function findPrograms(): string {
  if (Bun.which("initdb") !== null && Bun.which("postgres") !== null) return "";
  const [found] = [
    ...new Bun.Glob("usr/lib/postgresql/*/bin/initdb").scanSync({ cwd: "/", onlyFiles: false }),
  ].sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  if (found === undefined) {
    throw new Error(
      "Cannot test Postgres: initdb is neither in PATH nor in /usr/lib/postgresql/*/bin; install the package postgresql",
    );
  }
  return `/${found.slice(0, -"initdb".length)}`;
}

const isRoot = process.getuid?.() === 0;

/** The command, run by the unprivileged user when we are root; `setpriv` becomes it, so the pid is the server's. */
function asServerUser(command: string[]): string[] {
  if (!isRoot) return command;
  const ids = [`--reuid=${SERVER_USER}`, `--regid=${SERVER_USER}`, "--init-groups"];
  return ["setpriv", ...ids, "--", ...command];
}

async function output(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe", cwd: "/" });
  const [out, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`Cannot run ${command.join(" ")}: ${errors}`);
  return out;
}

/** Each database has hundreds of files: in memory, where there is room, they come and go at once. */
async function roomyFolder(): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(MEMORY_FOLDER);
    if (bavail * bsize >= MEMORY_BYTES_MIN) return MEMORY_FOLDER;
  } catch {
    // There is none here.
  }
  return tmpdir();
}

async function giveToServerUser(folder: string): Promise<void> {
  if (!isRoot) return;
  const [uid, gid] = await Promise.all([
    output(["id", "-u", SERVER_USER]),
    output(["id", "-g", SERVER_USER]),
  ]);
  await chown(folder, Number(uid), Number(gid));
}

/** Makes a cluster and starts its server. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = findPrograms();
  const folder = await mkdtemp(join(await roomyFolder(), "luna-pg-"));
  await giveToServerUser(folder);
  const data = join(folder, "data");
  const initdb = [`${programs}initdb`, "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8"];
  await output(asServerUser([...initdb, "--locale=C", "--no-sync"]));

  const admin = { host: folder, port: PORT, username: USER, password: "", database: "postgres" };
  const ask = async (text: string): Promise<void> => {
    const client = connect({ ...admin, max: 1, onnotice: () => undefined });
    try {
      await client.unsafe(text);
    } finally {
      await client.end();
    }
  };

  let server: Bun.Subprocess | undefined;
  let count = 0;
  const start = async (): Promise<void> => {
    const place = ["-k", folder, "-c", "listen_addresses=", "-p", String(PORT), "-F"];
    const command = asServerUser([`${programs}postgres`, "-D", data, ...place]);
    server = Bun.spawn(command, { stdout: "ignore", stderr: "ignore", cwd: "/" });
    await until(() => ask("SELECT 1").then(() => true), {
      timeoutMs: START_TIMEOUT_MS,
      what: "Postgres to answer",
    });
  };
  const crash = async (): Promise<void> => {
    // Postgres' immediate shutdown.
    server?.kill("SIGQUIT");
    await server?.exited;
  };
  await start();
  return {
    start,
    crash,
    createDatabase: async () => {
      count += 1;
      const database = `luna_${count}`;
      await ask(`CREATE DATABASE ${database}`);
      return {
        dialect: "postgres",
        connection: { ...admin, database },
        where: `${folder}:${PORT}/${database}`,
        password: "",
      };
    },
    remove: async () => {
      // An orderly one would first write out all that is removed next.
      await crash();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
