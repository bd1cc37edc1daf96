/** Who asks an MCP server, and what that server offers them. */
import type { KeyScopes } from "../../contract/api-keys.ts";
import type { Caller } from "../../contract/audit.ts";
import type { ForbiddenError } from "../../lib/errors.ts";
import type { Offer } from "./offer.ts";

export interface Asked {
  /** The server's name. */
  server: string;
  caller: Caller;
  offer: Offer;
  /** Of the key that the request came with. */
  scopes: KeyScopes;
  /** The refusal of what these do not allow. */
  insufficient(what: string, missing: string): ForbiddenError;
  /** The same for the same key to the same server, and for no other: what is begun with one is no other's to go on with. */
  binding: string;
  /** Counts what the request carries beyond one message. @throws what refuses the request */
  countMore(count: number): void;
  /** The offer at this moment, for what lasts; undefined once the key does not open the server any more. */
  refresh(): Promise<Offer | undefined>;
}
