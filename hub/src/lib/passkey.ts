/** Makes passkeys and signs in with them; the library comes when somebody wants to. */
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from "@simplewebauthn/browser";
import {
  addPasskey,
  fetchNewPasskeyChallenge,
  fetchPasskeyChallenge,
  signInWithPasskey,
} from "./api.ts";

const library = () => import("@simplewebauthn/browser");

/** Whether this browser has passkeys at all; it has none on plain http to another computer. */
export const canUsePasskeys: boolean = typeof globalThis.PublicKeyCredential === "function";

const CANCELLED = "Nothing was done: the browser's question was closed, or not answered in time.";
const KNOWN = "This device or password manager has a passkey for this Luna already.";

/** What the browser itself says went wrong, in words; everything else as it came. */
function inWords(error: unknown): unknown {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "AbortError") return new Error(CANCELLED);
  return name === "InvalidStateError" ? new Error(KNOWN) : error;
}

/** Asks this browser for a new passkey, and has Luna remember it. */
export async function createPasskey(name: string): Promise<void> {
  const [{ startRegistration }, options] = await Promise.all([
    library(),
    fetchNewPasskeyChallenge(),
  ]);
  // Made by the same library on the server; only what "optional" means differs between the types.
  const optionsJSON = options as PublicKeyCredentialCreationOptionsJSON;
  const made = await startRegistration({ optionsJSON }).catch((error: unknown) => {
    throw inWords(error);
  });
  const { id, response } = made;
  const { clientDataJSON, attestationObject, transports = [] } = response;
  await addPasskey({
    ...(name === "" ? {} : { name }),
    credential: { id, response: { clientDataJSON, attestationObject, transports } },
  });
}

/** Lets the person choose one of their passkeys, and signs in with it. */
export async function signInByPasskey(): Promise<void> {
  const [{ startAuthentication }, options] = await Promise.all([
    library(),
    fetchPasskeyChallenge(),
  ]);
  const optionsJSON = options as PublicKeyCredentialRequestOptionsJSON;
  const signed = await startAuthentication({ optionsJSON }).catch((error: unknown) => {
    throw inWords(error);
  });
  const { clientDataJSON, authenticatorData, signature } = signed.response;
  await signInWithPasskey({
    id: signed.id,
    response: { clientDataJSON, authenticatorData, signature },
  });
}
