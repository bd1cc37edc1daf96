/** A program named docker that keeps its containers in files and can fail, hang, lie, flap, be down and disappear. */
import { existsSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * - `down`: the daemon does not run · `hang`: nothing is ever answered · `hang_run`: only `run` is not
 * - `fail`: nothing starts · `lie`: what runs is said not to · `flap`: what starts has ended after one look
 */
type Mode = "ok" | "down" | "hang" | "hang_run" | "fail" | "lie" | "flap";

const SCRIPT = `#!/bin/sh
state="STATE"
mode=$(cat "$state/mode")
printf '%s\\n' "$*" >> "$state/calls"
case "$mode" in
  hang) exec sleep 600 ;;
  down) echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?" >&2; exit 1 ;;
esac
for last; do :; done
missing() { echo "Error response from daemon: No such container: $last" >&2; exit 1; }
begin() {
  if [ "$mode" = fail ]; then echo "Error response from daemon: driver failed" >&2; exit 1; fi
  echo running > "$state/containers/$1"
}
case "$1" in
  version) echo 24.0.7 ;;
  run)
    if [ "$mode" = hang_run ]; then sleep 600; exit 1; fi
    while [ $# -gt 1 ]; do [ "$1" = --name ] && name=$2; shift; done
    if [ -e "$state/containers/$name" ]; then
      echo "docker: Error response from daemon: Conflict. The container name \\"/$name\\" is already in use by container \\"ab12\\"." >&2
      exit 125
    fi
    begin "$name"
    printf '%s' "$PASSWORD$POSTGRES_PASSWORD" > "$state/password"
    echo 0123456789abcdef ;;
  start|restart) [ -e "$state/containers/$last" ] || missing; begin "$last"; echo "$last" ;;
  stop) [ -e "$state/containers/$last" ] || missing; echo exited > "$state/containers/$last"; echo "$last" ;;
  rm) rm -f "$state/containers/$last"; echo "$last" ;;
  logs) echo "the container says why" ;;
  inspect|exec)
    [ "$1" = exec ] && last=$2
    [ -e "$state/containers/$last" ] || missing
    found=$(cat "$state/containers/$last")
    [ "$mode" = flap ] && echo exited > "$state/containers/$last"
    if [ "$mode" = lie ] || [ "$found" != running ]; then
      [ "$1" = exec ] && { echo "container is not running" >&2; exit 1; }
      echo false; exit 0
    fi
    [ "$1" = exec ] && echo "accepting connections" || echo true ;;
  *) : ;;
esac
`;

const PATH = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/** The folder, or one with all that is in it but a real docker. */
async function withoutDocker(folder: string, shadow: string): Promise<string> {
  if (!existsSync(join(folder, "docker"))) return folder;
  await mkdir(shadow, { recursive: true });
  for (const name of await readdir(folder)) {
    if (name !== "docker") await symlink(join(folder, name), join(shadow, name));
  }
  return shadow;
}

export class FakeDocker {
  readonly folder: string;
  readonly #state: string;
  #path: readonly string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.#state = join(folder, "state");
  }

  static async create(): Promise<FakeDocker> {
    const docker = new FakeDocker(await mkdtemp(join(tmpdir(), "luna-docker-")));
    await mkdir(join(docker.#state, "containers"), { recursive: true });
    await docker.mode("ok");
    await writeFile(docker.#program, SCRIPT.replace("STATE", docker.#state));
    await chmod(docker.#program, 0o755);
    const folders = PATH.map((one, index) =>
      withoutDocker(one, join(docker.folder, `shadow-${index}`)),
    );
    docker.#path = [docker.folder, ...(await Promise.all(folders))];
    return docker;
  }

  /** A PATH on which this is the only docker. */
  get path(): string {
    return this.#path.join(":");
  }

  get #program(): string {
    return join(this.folder, "docker");
  }

  mode(mode: Mode): Promise<void> {
    return writeFile(join(this.#state, "mode"), mode);
  }

  /** What it was called with, a line each. */
  async calls(): Promise<string[]> {
    const text = await readFile(join(this.#state, "calls"), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  /** How often something was started. */
  async starts(): Promise<number> {
    return (await this.calls()).filter((call) => /^(?:run|start|restart) /.test(call)).length;
  }

  /** The password that the last container was given by the environment. */
  password(): Promise<string> {
    return readFile(join(this.#state, "password"), "utf8");
  }

  /** Ends a container behind everybody's back. */
  kill(container: string): Promise<void> {
    return writeFile(join(this.#state, "containers", container), "exited");
  }

  /** The program is gone. */
  async disappear(): Promise<void> {
    await rename(this.#program, `${this.#program}.gone`);
  }

  async reappear(): Promise<void> {
    await rename(`${this.#program}.gone`, this.#program);
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
