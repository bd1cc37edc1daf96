/** The keys of `.env`: listed without their values, set, deleted, uploaded, and brought to those who use them. */
import type { Changes } from "../../config/env-file.ts";
import { KNOWN_KEYS, refusalOf, secretValuesOf } from "../../config/known-keys.ts";
import type { MasterConfigStore } from "../../config/master-config.ts";
import { isOwnKey, isWithheldName, nameRefusal } from "../../contract/key-rules.ts";
import type {
  EnvUpload,
  RequiredSecrets,
  RevealedSecret,
  SecretChanged,
  SecretEffect,
  SecretList,
  SecretView,
} from "../../contract/secrets.ts";
import { discoverExtensions, type Extension } from "../../extensions/discovery.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../../lib/errors.ts";
import { generateSecret } from "../../lib/secret.ts";
import type { SpecContext } from "../core-services.ts";
import type { MissingSecret } from "../problems/secrets.ts";
import { type SecretEffects, usersOf } from "./effects.ts";
import type { KnownSecrets } from "./known-secrets.ts";
import { maskOf } from "./mask.ts";
import { planUpload } from "./upload.ts";

export interface SecretsOptions {
  context: Pick<SpecContext, "environment" | "envFile" | "paths">;
  effects: Pick<SecretEffects, "apply">;
  known: KnownSecrets;
  config: Pick<MasterConfigStore, "last">;
}

type Values = Readonly<Record<string, string>>;

const NOTHING_DONE: SecretEffect = { restarted: [], needs_restart: [], overridden: [] };

export class Secrets {
  readonly #options: SecretsOptions;
  /** Signs previews; with another process they have to be made again. */
  readonly #previewKey = generateSecret();
  /** The file as the processes have it. */
  #seen: Values | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  #missing: readonly MissingSecret[] = [];

  constructor(options: SecretsOptions) {
    this.#options = options;
  }

  /** What enabled extensions ask for in vain, as it was when the file was read last. */
  get missing(): readonly MissingSecret[] {
    return this.#missing;
  }

  async list(): Promise<SecretList> {
    const extensions = await this.#extensions();
    const values = await this.#options.context.envFile.read();
    const used = new Set([...KNOWN_KEYS.keys(), ...requiredNames(extensions)]);
    const fromOutside = [...used].filter((name) => this.#outside(name) !== undefined);
    const names = [...new Set([...Object.keys(values), ...fromOutside])].sort();
    return Object.fromEntries(
      names.map((name) => [name, this.#view(name, { value: values[name] ?? "", extensions })]),
    );
  }

  #view(name: string, given: { value: string; extensions: readonly Extension[] }): SecretView {
    const outside = this.#outside(name);
    const value = outside ?? given.value;
    const known = KNOWN_KEYS.get(name);
    const asked = askedFor(name, given.extensions);
    return {
      value: maskOf(name, value),
      is_set: value !== "",
      source: outside === undefined ? "file" : "environment",
      made_by_luna: isOwnKey(name),
      label: known?.label ?? asked?.label ?? null,
      help: known?.help ?? asked?.help ?? null,
      used_by: isWithheldName(name) ? [] : usersOf(name, given.extensions),
      refusal: nameRefusal(name) ?? null,
    };
  }

  async required(): Promise<RequiredSecrets> {
    const extensions = await this.#extensions();
    const values = await this.#options.context.envFile.read();
    const names = [...new Set(requiredNames(extensions))].sort();
    return Object.fromEntries(
      names.map((name) => {
        const asked = askedFor(name, extensions);
        const known = KNOWN_KEYS.get(name);
        const asking = extensions.filter(({ manifest }) =>
          manifest.required_secrets.some((one) => one.name === name),
        );
        return [
          name,
          {
            extensions: asking.map((extension) => extension.name),
            is_set: (this.#outside(name) ?? values[name] ?? "") !== "",
            label: asked?.label ?? known?.label ?? null,
            help: asked?.help ?? known?.help ?? null,
            default: asked?.default ?? null,
          },
        ];
      }),
    );
  }

  /** @throws InvalidInputError for a name or a value that cannot be */
  async set(key: string, value: string): Promise<SecretChanged> {
    const refusal = refusalOf(key, value);
    if (refusal !== undefined) throw new InvalidInputError(`Cannot set "${key}": ${refusal}`);
    const { effect } = await this.#change(() => ({ changes: { [key]: value } }));
    return { status: "updated", key, ...effect };
  }

  /** Sets several at once, or with `null` deletes them: what belongs together changes together. */
  async assign(changes: Changes): Promise<SecretEffect> {
    for (const [key, value] of Object.entries(changes)) {
      const refusal = value === null ? nameRefusal(key) : refusalOf(key, value);
      if (refusal !== undefined) throw new InvalidInputError(`Cannot set "${key}": ${refusal}`);
    }
    return (await this.#change(() => ({ changes }))).effect;
  }

  /** A key that is not there is deleted already. */
  async delete(key: string): Promise<SecretChanged> {
    if (isOwnKey(key)) {
      throw new InvalidInputError(`Cannot delete "${key}": ${nameRefusal(key)}`);
    }
    const { effect } = await this.#change(() => ({ changes: { [key]: null } }));
    return { status: "deleted", key, ...effect };
  }

  /** @throws InvalidInputError for Luna's own, NotFoundError */
  async reveal(key: string): Promise<RevealedSecret> {
    if (isOwnKey(key)) {
      throw new InvalidInputError(`Cannot show "${key}": ${nameRefusal(key)}`);
    }
    const value = this.#outside(key) ?? (await this.#options.context.envFile.read())[key];
    if (value === undefined) throw new NotFoundError(`Cannot show "${key}": it is not set`);
    return { key, value };
  }

  /** What the uploaded text would change. */
  async preview(text: string): Promise<EnvUpload> {
    const plan = planUpload(text, await this.#options.context.envFile.read(), this.#previewKey);
    const { changes: _values, ...shown } = plan;
    return { ...shown, applied: false, updated_count: 0, ...NOTHING_DONE };
  }

  /**
   * Does what the preview said, all of it or nothing.
   * @throws ConflictError when the same text would now do something else
   */
  async apply(text: string, preview: string): Promise<EnvUpload> {
    const { decision, effect } = await this.#change((values) => {
      const plan = planUpload(text, values, this.#previewKey);
      if (plan.preview !== preview) {
        throw new ConflictError(
          "Cannot apply this file: it, or what is set, is no longer as it was in the preview; look at the preview again",
        );
      }
      return plan;
    });
    const { changes, ...shown } = decision;
    return { ...shown, applied: true, updated_count: Object.keys(changes).length, ...effect };
  }

  /** Takes up what somebody else wrote into the file; at its first call, what all processes were started with. */
  async sync(): Promise<SecretEffect> {
    return this.#inTurn(() => this.#takeUp());
  }

  /** The change and its effect are one step: the watch of the file must not come between. */
  #change<Decision extends { changes: Changes }>(
    decide: (values: Values) => Decision,
  ): Promise<{ decision: Decision; effect: SecretEffect }> {
    return this.#inTurn(async () => {
      const decision = await this.#options.context.envFile.change(decide);
      return { decision, effect: await this.#takeUp() };
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #takeUp(): Promise<SecretEffect> {
    const { context, effects, known } = this.#options;
    const now = await context.envFile.read();
    const before = this.#seen;
    this.#seen = now;
    const extensions = await this.#extensions();
    known.add([...secretValuesOf(now), ...this.#secretsFromOutside(extensions)]);
    this.#missing = this.#missingOf(now, extensions);
    if (before === undefined) return NOTHING_DONE;
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    // An empty value is handed to nobody, as none.
    const changed = names.filter((name) => (before[name] || "") !== (now[name] || ""));
    const overridden = changed.filter((name) => this.#outside(name) !== undefined);
    const effective = changed.filter((name) => this.#outside(name) === undefined);
    return { ...effects.apply(effective, extensions), overridden };
  }

  #missingOf(values: Values, extensions: readonly Extension[]): MissingSecret[] {
    const entries = this.#options.config.last?.extensions ?? {};
    const asking = extensions.filter(({ name }) => entries[name]?.enabled === true);
    const names = [...new Set(requiredNames(asking))];
    return names.flatMap((name) => {
      if ((this.#outside(name) ?? values[name] ?? "") !== "") return [];
      const users = usersOf(name, asking).filter(({ kind }) => kind === "extension");
      return [{ name, extensions: users.map((user) => user.name) }];
    });
  }

  /** The value that `luna up` was started with, which wins. */
  #outside(name: string): string | undefined {
    if (isWithheldName(name)) return undefined;
    return this.#options.context.environment.variables[name] || undefined;
  }

  #secretsFromOutside(extensions: readonly Extension[]): string[] {
    const names = [...KNOWN_KEYS.keys(), ...requiredNames(extensions)];
    const set = names.flatMap((name) => {
      const value = this.#outside(name);
      return value === undefined ? [] : [[name, value] as const];
    });
    return secretValuesOf(Object.fromEntries(set));
  }

  /** An extension whose manifest is broken asks for nothing until it is mended. */
  async #extensions(): Promise<readonly Extension[]> {
    return (await discoverExtensions(this.#options.context.paths.extensions)).extensions;
  }
}

function requiredNames(extensions: readonly Extension[]): string[] {
  return extensions.flatMap(({ manifest }) => manifest.required_secrets.map(({ name }) => name));
}

/** What the first extension that says more than the name says of it. */
function askedFor(name: string, extensions: readonly Extension[]) {
  const asked = extensions.flatMap(({ manifest }) =>
    manifest.required_secrets.filter((one) => one.name === name),
  );
  const told = (field: "label" | "help" | "default") =>
    asked.find((one) => one[field] !== undefined)?.[field];
  if (asked.length === 0) return undefined;
  return { label: told("label"), help: told("help"), default: told("default") };
}
