/** Builds the parts of auth out of its database and its configuration. */
import { type GithubConfiguration, githubConfiguration } from "../../config/github.ts";
import type { MasterConfigStore } from "../../config/master-config.ts";
import type { DeploymentMode } from "../../contract/config.ts";
import type { Database } from "../../db/database.ts";
import { UnavailableError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Network } from "../../lib/public-request.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import { Challenges } from "./challenges.ts";
import { GithubAccounts } from "./github-accounts.ts";
import { GITHUB_ATTEMPT_LIFETIME_MS, type GithubAttempt } from "./github-routes.ts";
import { GuessLimit } from "./guess-limit.ts";
import { LoginLinks } from "./login-links.ts";
import { createOAuthParts } from "./oauth/parts.ts";
import {
  CEREMONY_LIFETIME_MS,
  type CeremonyFacts,
  PasskeyCeremonies,
} from "./passkey-ceremonies.ts";
import { Passkeys } from "./passkeys.ts";
import { PassphraseHash } from "./passphrase-hash.ts";
import { Passphrases } from "./passphrases.ts";
import { Sessions } from "./sessions.ts";

interface PartsOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
  /** What the supervisor hands on of the environment and `.env`. */
  variables: Readonly<Record<string, string | undefined>>;
  mode: DeploymentMode;
  /** The Hub's address, without a final slash. */
  publicUrl: string;
  /** LUNA_AUTH_TOKEN. */
  token: string;
  /** Where OAuth clients' documents are; the internet when it is missing. */
  network?: Network;
  config: Pick<MasterConfigStore, "read">;
}

/** Loaded when the first one signs in with GitHub: most never do. */
function lazyClient(configuration: GithubConfiguration, publicUrl: string) {
  return async () => {
    if (configuration.state !== "on") throw new UnavailableError("GitHub is not set up");
    const { GithubClient } = await import("./github-client.ts");
    return new GithubClient(configuration.settings, `${publicUrl}/auth/callback`);
  };
}

function createGithub({ database, clock, log, variables, mode, publicUrl }: PartsOptions) {
  const configuration = githubConfiguration(variables, mode);
  if (configuration.state === "refused") {
    const { problem, fix } = configuration;
    log.warn("Nobody can sign in with GitHub", { problem, fix });
  }
  const allowed = configuration.state === "on" ? configuration.settings.allowed : null;
  return {
    configuration,
    accounts: new GithubAccounts({ database, clock, log, allowed }),
    attempts: new Challenges<GithubAttempt>({ clock, lifetimeMs: GITHUB_ATTEMPT_LIFETIME_MS }),
    client: lazyClient(configuration, publicUrl),
  };
}

export function createParts(options: PartsOptions) {
  const { database, clock, log, publicUrl, token, network, config } = options;
  const passkeys = new Passkeys({ database, clock });
  const challenges = new Challenges<CeremonyFacts>({ clock, lifetimeMs: CEREMONY_LIFETIME_MS });
  const github = createGithub(options);
  const allowsGithub = (login: string): boolean => github.accounts.allows(login);
  return {
    sessions: new Sessions({ database, clock, log, allowsGithub }),
    links: new LoginLinks({ database, clock }),
    passphrases: new Passphrases({
      ...{ database, clock },
      ...{ hash: new PassphraseHash(), guesses: new GuessLimit(clock) },
    }),
    passkeys,
    ceremonies: new PasskeyCeremonies({ passkeys, challenges, token, log }),
    attempts: new AttemptLimit(clock),
    passkeyAttempts: new AttemptLimit(clock),
    oauth: createOAuthParts({ database, clock, log, token, allowsGithub, network, config }),
    ...{ github, publicUrl },
  };
}
