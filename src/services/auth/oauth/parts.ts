/** The parts of the OAuth authorization server, out of auth's database and configuration. */
import type { AuditTrail } from "../../../audit/trail.ts";
import type { MasterConfigStore } from "../../../config/master-config.ts";
import type { Database } from "../../../db/database.ts";
import type { Logger } from "../../../lib/log.ts";
import type { Network } from "../../../lib/public-request.ts";
import { deriveSecret } from "../../../lib/secret.ts";
import type { Sessions } from "../sessions.ts";
import { ClientDocuments } from "./client-documents.ts";
import { ClientLimits } from "./client-limits.ts";
import { OAuthClients } from "./clients.ts";
import { Grants } from "./grants.ts";
import { PendingRequests } from "./pending.ts";

interface OAuthPartsOptions {
  database: Database;
  /** Milliseconds since 1970. */
  clock: () => number;
  log: Logger;
  /** LUNA_AUTH_TOKEN. */
  token: string;
  allowsGithub(login: string): boolean;
  /** Where clients' documents are; the internet when it is missing. */
  network?: Network | undefined;
  config: Pick<MasterConfigStore, "read">;
}

export interface OAuthParts {
  clients: OAuthClients;
  documents: Pick<ClientDocuments, "areWanted">;
  grants: Grants;
  pending: PendingRequests;
  limits: ClientLimits;
}

export interface OAuthDependencies {
  oauth: OAuthParts;
  sessions: Sessions;
  audit: Pick<AuditTrail, "record">;
  log: Logger;
  /** The Hub's address, without a final slash. */
  publicUrl: string;
}

export function createOAuthParts(options: OAuthPartsOptions): OAuthParts {
  const { database, clock, log, token, allowsGithub, network, config } = options;
  const documents = new ClientDocuments({ network, config });
  const key = deriveSecret(token, "oauth refresh tokens");
  return {
    clients: new OAuthClients({ database, clock, documents }),
    documents,
    grants: new Grants({ database, clock, log, key, allowsGithub }),
    pending: new PendingRequests(clock),
    limits: new ClientLimits(clock),
  };
}
