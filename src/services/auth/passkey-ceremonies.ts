/** Making a passkey and signing in with one: the two ceremonies of WebAuthn. */
import type { PasskeyRegistration, PasskeySignIn } from "../../contract/auth.ts";
import { InvalidInputError, messageOf } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { deriveSecret } from "../../lib/secret.ts";
import type { Challenges } from "./challenges.ts";
import type { Passkeys } from "./passkeys.ts";
import type { RelyingParty } from "./relying-party.ts";
import type { Session } from "./sessions.ts";
import type { Identity, SignInMethod } from "./sign-in-method.ts";

/** Time to find the key and to touch it. */
export const CEREMONY_LIFETIME_MS = 5 * 60_000;

/** What a challenge was given out for, so that it is good for nothing else. */
export interface CeremonyFacts {
  rp_id: string;
  /** The session that makes a passkey; null for signing in. */
  session: string | null;
}

/** EdDSA, ES256, RS256: what authenticators of today can do. */
const ALGORITHMS = [-8, -7, -257];
const OWNER_NAME = "owner";

interface CeremoniesOptions {
  passkeys: Passkeys;
  challenges: Challenges<CeremonyFacts>;
  /** What auth derives its keys from. */
  token: string;
  log: Logger;
}

interface PasskeyProof {
  credential: PasskeySignIn["credential"];
  rp: RelyingParty;
}

/** Loaded with the first passkey: it brings 300 files of certificates' formats with it. */
const library = () => import("@simplewebauthn/server");

export class PasskeyCeremonies implements SignInMethod<PasskeyProof> {
  readonly name = "passkey";
  readonly #options: CeremoniesOptions;
  /** What authenticators keep passkeys under: random, and another one for each Luna, as two may share a host name. */
  readonly #userHandle: Uint8Array<ArrayBuffer>;

  constructor(options: CeremoniesOptions) {
    this.#options = options;
    this.#userHandle = new Uint8Array(
      Buffer.from(deriveSecret(options.token, "passkey user"), "base64url"),
    );
  }

  /** What the browser is asked when a passkey is made. */
  async registrationOptions(rp: RelyingParty, session: Session) {
    const { passkeys } = this.#options;
    const known = await passkeys.list(session.user_id);
    const { generateRegistrationOptions } = await library();
    const { extensions: _, ...options } = await generateRegistrationOptions({
      ...{ rpName: "Luna", rpID: rp.id, challenge: this.#challenge(rp, session.id) },
      ...{ userID: this.#userHandle, userName: OWNER_NAME, userDisplayName: `Owner of ${rp.id}` },
      // An authenticator would replace the passkey that it has.
      excludeCredentials: known.filter(({ host }) => host === rp.id).map(({ id }) => ({ id })),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      ...{ supportedAlgorithmIDs: ALGORITHMS, timeout: CEREMONY_LIFETIME_MS },
    });
    return options;
  }

  /**
   * Keeps a passkey that was made.
   * @throws InvalidInputError when it was made for something else, or too long ago; ConflictError
   */
  async register(
    { id, response }: PasskeyRegistration["credential"],
    { name, rp, session }: { name: string; rp: RelyingParty; session: Session },
  ): Promise<string> {
    const { verifyRegistrationResponse } = await library();
    const verified = await verifyRegistrationResponse({
      response: {
        ...{ id, rawId: id, type: "public-key", clientExtensionResults: {} },
        response: { ...response },
      },
      expectedChallenge: (challenge) =>
        this.#takes(challenge, { rp_id: rp.id, session: session.id }),
      ...{ expectedOrigin: rp.origin, expectedRPID: rp.id },
      ...{ requireUserVerification: true, supportedAlgorithmIDs: ALGORITHMS },
    }).catch((cause: unknown) => {
      throw new InvalidInputError(
        "Cannot add this passkey: it does not answer what it was asked, or took too long; try again",
        { cause },
      );
    });
    if (!verified.verified) throw new InvalidInputError("Cannot add this passkey: it is not valid");
    const { credential } = verified.registrationInfo;
    await this.#options.passkeys.add({
      ...{ id: credential.id, user_id: session.user_id, rp_id: rp.id, name },
      public_key: Buffer.from(credential.publicKey).toString("base64url"),
      ...{ counter: credential.counter, transports: response.transports },
    });
    return credential.id;
  }

  /** What the browser is asked when somebody signs in: for any passkey of this host, as nobody is known yet. */
  async signInOptions(rp: RelyingParty) {
    const { generateAuthenticationOptions } = await library();
    const { extensions: _, ...options } = await generateAuthenticationOptions({
      ...{ rpID: rp.id, challenge: this.#challenge(rp, null) },
      ...{ userVerification: "required", timeout: CEREMONY_LIFETIME_MS },
    });
    return options;
  }

  async identify({ credential: signed, rp }: PasskeyProof): Promise<Identity | undefined> {
    const { passkeys, log } = this.#options;
    const passkey = await passkeys.find(signed.id);
    if (passkey === undefined || passkey.rp_id !== rp.id) return undefined;
    const { id, counter, user_id } = passkey;
    const { verifyAuthenticationResponse } = await library();
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: {
          ...{ id, rawId: id, type: "public-key", clientExtensionResults: {} },
          response: signed.response,
        },
        expectedChallenge: (challenge) => this.#takes(challenge, { rp_id: rp.id, session: null }),
        ...{ expectedOrigin: rp.origin, expectedRPID: rp.id, requireUserVerification: true },
        credential: {
          ...{ id, counter },
          publicKey: new Uint8Array(Buffer.from(passkey.public_key, "base64url")),
        },
      });
      if (verified && (await passkeys.use(passkey, authenticationInfo.newCounter))) {
        return { user_id, passkey_id: id };
      }
      log.warn("A passkey did not sign in", { passkey: id, reason: "its signature is wrong" });
    } catch (error) {
      // Also a counter that has not grown: somebody may have a copy of the authenticator.
      log.warn("A passkey did not sign in", { passkey: id, reason: messageOf(error) });
    }
    return undefined;
  }

  #challenge(rp: RelyingParty, session: string | null): Uint8Array<ArrayBuffer> {
    const challenge = this.#options.challenges.issue({ rp_id: rp.id, session });
    return new Uint8Array(Buffer.from(challenge, "base64url"));
  }

  /** Uses a challenge up, and says whether it was given out for this. */
  #takes(challenge: string, { rp_id, session }: CeremonyFacts): boolean {
    const facts = this.#options.challenges.take(challenge);
    return facts?.rp_id === rp_id && facts.session === session;
  }
}
