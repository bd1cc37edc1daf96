/** What a code or a refresh token is exchanged for, and what speaks against it. */
import { z } from "zod";
import { MCP_PATH } from "../../../contract/oauth.ts";
import { isOrphan } from "../../../db/failure.ts";
import { isOwnAddress } from "../../../lib/public-origin.ts";
import type { OAuthClient } from "./clients.ts";
import type { Found, Grants, Issued } from "./grants.ts";
import { OAuthError } from "./oauth-error.ts";
import { narrowed } from "./scope.ts";
import { isVerifierOf, looksLikeOAuthToken, VERIFIER } from "./token-kinds.ts";

export const Text = z.string().max(4_096);
export const Client = z.object({ client_id: Text.optional(), client_secret: Text.optional() });

export const TokenForm = Client.extend({
  grant_type: Text,
  code: Text.optional(),
  redirect_uri: Text.optional(),
  code_verifier: Text.optional(),
  refresh_token: Text.optional(),
  scope: Text.optional(),
  resource: z.union([Text, z.array(Text).max(20)]).optional(),
});
export type TokenForm = z.infer<typeof TokenForm>;

/** Whether the client gets refresh tokens: unless it says which grants it uses, and this is none of them. */
export function canRefresh({ grant_types }: Pick<OAuthClient, "grant_types">): boolean {
  return grant_types === null || grant_types.includes("refresh_token");
}

const invalidGrant = (message: string) => new OAuthError("invalid_grant", message);

export interface Asking {
  form: TokenForm;
  client: OAuthClient;
}

interface ExchangeOptions {
  grants: Grants;
  /** The Hub's address, without a final slash. */
  publicUrl: string;
}

export class TokenExchange {
  readonly #grants: Grants;
  readonly #publicUrl: string;

  constructor({ grants, publicUrl }: ExchangeOptions) {
    this.#grants = grants;
    this.#publicUrl = publicUrl;
  }

  /** @throws OAuthError */
  async issue(asking: Asking): Promise<Issued> {
    try {
      return await this.#issue(asking);
    } catch (error) {
      if (!isOrphan(error)) throw error;
      throw invalidGrant("What the owner had allowed was revoked at this very moment");
    }
  }

  async #issue(asking: Asking): Promise<Issued> {
    switch (asking.form.grant_type) {
      case "authorization_code":
        return this.#byCode(asking);
      case "refresh_token":
        return this.#byRefresh(asking);
      default:
        throw new OAuthError(
          "unsupported_grant_type",
          "The grant_type should be authorization_code or refresh_token",
        );
    }
  }

  async #byCode(asking: Asking): Promise<Issued> {
    const { client, form } = asking;
    const { found } = await this.#find(form.code, "code", asking);
    const { grant, challenge } = found;
    if (found.used_at !== null) return this.#reused(found, "code");
    if (form.redirect_uri !== undefined && form.redirect_uri !== grant.redirect_uri) {
      throw invalidGrant("The redirect_uri is not the one that the code was sent to");
    }
    const verifier = form.code_verifier ?? "";
    if (!VERIFIER.test(verifier) || challenge === null || !isVerifierOf(verifier, challenge)) {
      throw invalidGrant("The code_verifier is missing or wrong");
    }
    const issued = await this.#grants.redeem(found, canRefresh(client));
    return issued ?? this.#reused(found, "code");
  }

  async #byRefresh(asking: Asking): Promise<Issued> {
    const { token, found } = await this.#find(asking.form.refresh_token, "refresh", asking);
    const scope = narrowed(found.scope, asking.form.scope);
    if (scope === undefined) {
      throw new OAuthError("invalid_scope", "The scope is more than the owner has allowed");
    }
    const issued = await this.#grants.refresh(token, found, scope);
    return issued ?? this.#reused(found, "refresh token");
  }

  /** The code or token of that kind and of this client, used or not. */
  async #find(
    token: string | undefined,
    kind: "code" | "refresh",
    { client, form }: Asking,
  ): Promise<{ token: string; found: Found }> {
    const what = kind === "code" ? "code" : "refresh token";
    if (token === undefined) throw new OAuthError("invalid_request", `The ${what} is missing`);
    const found = looksLikeOAuthToken(token) ? await this.#grants.find(token) : undefined;
    if (found === undefined || found.kind !== kind || found.grant.client_id !== client.id) {
      throw invalidGrant(`There is no such ${what} of this client: it expired or was revoked`);
    }
    this.#requireTarget(form, found);
    return { token, found };
  }

  /** A token is for what the owner was asked about (RFC 8707, 2.2). */
  #requireTarget({ resource = [] }: TokenForm, { grant }: Found): void {
    const isMeant = (address: string): boolean =>
      grant.resource === `${this.#publicUrl}${MCP_PATH}` &&
      isOwnAddress(address, this.#publicUrl, MCP_PATH);
    if ([resource].flat().every(isMeant)) return;
    throw new OAuthError("invalid_target", "The resource is not what the owner has allowed");
  }

  /** Two have it, and one of them stole it: all that came of it ends (OAuth 2.1, 4.1.3 and 4.3.1). */
  async #reused({ grant }: Found, what: string): Promise<never> {
    await this.#grants.revoke(grant.id);
    throw invalidGrant(
      `The ${what} was used before, so everything that came of it is revoked; sign in again`,
    );
  }
}
