/** The keys of a home, for the command line: through the Luna that runs, else as the file's one writer in its place. */
import type { z } from "zod";
import { EnvFile } from "../config/env-file.ts";
import type { Environment } from "../config/environment.ts";
import { layOutHome } from "../config/home.ts";
import { MasterConfigStore } from "../config/master-config.ts";
import { pathsOf } from "../config/paths.ts";
import { runningSupervisor } from "../config/running.ts";
import { EnvUpload, SecretChanged, SecretList } from "../contract/secrets.ts";
import { ConflictError } from "../lib/errors.ts";
import { KnownSecrets } from "../supervisor/secrets/known-secrets.ts";
import { Secrets } from "../supervisor/secrets/secrets.ts";
import { Control } from "./control.ts";
import { lockOf } from "./home-lock.ts";

/** What can be done with the keys, wherever they are. */
export type SecretStore = Pick<Secrets, "list" | "set" | "delete" | "preview" | "apply">;

/** Those of the Luna that runs. */
function running(control: Control): SecretStore {
  const send = <Schema extends z.ZodType>(path: string, schema: Schema, body: unknown) =>
    control.ask(`/keys/${path}`, schema, { method: "POST", body });
  const upload = (text: string, apply?: string) => {
    const form = new FormData();
    form.set("file", new File([text], ".env"));
    if (apply !== undefined) form.set("apply", apply);
    return send("upload-env", EnvUpload, form);
  };
  return {
    list: () => control.ask("/keys/list", SecretList),
    set: (key, value) => send("set", SecretChanged, { key, value }),
    delete: (key) => send("delete", SecretChanged, { key }),
    preview: (text) => upload(text),
    apply: upload,
  };
}

/** What nothing runs for has no effect. */
const NO_EFFECT = { apply: () => ({ restarted: [], needs_restart: [] }) };

/**
 * Does `work` with the keys of the environment's home.
 * @throws ConflictError while Luna is starting or stopping
 */
export async function withSecrets<T>(
  environment: Environment,
  work: (store: SecretStore) => Promise<T>,
): Promise<T> {
  const paths = pathsOf(environment.home);
  if (runningSupervisor(paths.state) !== undefined) {
    return work(running(await Control.of(environment)));
  }
  await layOutHome(paths);
  const lock = lockOf(paths.lock, "secrets");
  if ("holder" in lock) {
    throw new ConflictError(
      "Cannot use the keys: Luna is just starting or stopping; try again in a moment",
    );
  }
  try {
    return await work(
      new Secrets({
        // What this shell has set is not what Luna will be started with.
        context: {
          environment: { ...environment, variables: {} },
          envFile: new EnvFile(paths.env),
          paths,
        },
        config: new MasterConfigStore(paths.masterConfig),
        effects: NO_EFFECT,
        known: new KnownSecrets([]),
      }),
    );
  } finally {
    lock.release();
  }
}
