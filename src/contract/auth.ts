/** Sign-in: what the sign-in page and the account page send, and what they are told. */
import { z } from "zod";
import { PASSPHRASE_LENGTH_MAX } from "./passphrase.ts";

/** The session's cookie on http; on https its name begins with `__Host-`. */
export const SESSION_COOKIE = "luna_session";

const SignInMethodName = z.enum(["link", "passphrase", "passkey", "github"]);
export type SignInMethodName = z.infer<typeof SignInMethodName>;

/** `POST /auth/link`: the one-time link's token, from the fragment of its address. */
export const LinkSignIn = z.strictObject({ token: z.string().min(1).max(200) });
export type LinkSignIn = z.infer<typeof LinkSignIn>;

/** A passphrase as somebody typed it; whether it is good enough to be kept is another question. */
const TypedPassphrase = z.string().min(1).max(PASSPHRASE_LENGTH_MAX);

/** `POST /auth/passphrase`. */
export const PassphraseSignIn = z.strictObject({ passphrase: TypedPassphrase });
export type PassphraseSignIn = z.infer<typeof PassphraseSignIn>;

/** `PUT /auth/account/passphrase`: the current one is asked for when there is one. */
export const PassphraseChange = z.strictObject({
  current: TypedPassphrase.optional(),
  passphrase: TypedPassphrase,
});
export type PassphraseChange = z.infer<typeof PassphraseChange>;

/** `DELETE /auth/account/passphrase`. */
export const PassphraseRemoval = z.strictObject({ current: TypedPassphrase });
export type PassphraseRemoval = z.infer<typeof PassphraseRemoval>;

const Base64Url = z
  .string()
  .min(1)
  .max(12_000)
  .regex(/^[A-Za-z0-9_-]+$/, "must be base64url");
/** Its length has a limit in WebAuthn: 1,023 bytes. */
const PasskeyId = Base64Url.max(1364);
const PasskeyName = z.string().trim().min(1).max(60);

/** `POST /auth/account/passkeys`: what the browser's authenticator made (WebAuthn, RegistrationResponseJSON). */
export const PasskeyRegistration = z.strictObject({
  /** How its owner will recognise it; made of the browser's name when it is missing. */
  name: PasskeyName.optional(),
  credential: z.object({
    id: PasskeyId,
    response: z.object({
      clientDataJSON: Base64Url,
      attestationObject: Base64Url,
      transports: z
        .array(z.string().regex(/^[a-z-]{1,20}$/))
        .max(10)
        .default([]),
    }),
  }),
});
export type PasskeyRegistration = z.infer<typeof PasskeyRegistration>;

/** `POST /auth/passkey`: what the browser's authenticator signed (WebAuthn, AuthenticationResponseJSON). */
export const PasskeySignIn = z.strictObject({
  credential: z.object({
    id: PasskeyId,
    response: z.object({
      clientDataJSON: Base64Url,
      authenticatorData: Base64Url,
      signature: Base64Url,
    }),
  }),
});
export type PasskeySignIn = z.infer<typeof PasskeySignIn>;

/** `PATCH /auth/account/passkeys/:id`. */
export const PasskeyChange = z.strictObject({ name: PasskeyName });
export type PasskeyChange = z.infer<typeof PasskeyChange>;

/** `PUT /passphrase`, for the command line only; null removes it. */
export const PassphraseReset = z.strictObject({ passphrase: TypedPassphrase.nullable() });
export type PassphraseReset = z.infer<typeof PassphraseReset>;

/** What a change of the account has ended. */
export const Ended = z.object({ ended: z.int() });
export type Ended = z.infer<typeof Ended>;

/** `GET /auth/methods`: only what is configured. */
export const SignInMethods = z.object({
  link: z.boolean(),
  passphrase: z.boolean(),
  passkey: z.boolean(),
  github: z.boolean(),
  /** Why GitHub does not sign anybody in although somebody has begun to set it up. */
  github_off: z.enum(["incomplete", "unrestricted"]).nullable(),
});
export type SignInMethods = z.infer<typeof SignInMethods>;

/** `GET /auth/me` (contract 5.3). */
export const Me = z.object({
  authenticated: z.literal(true),
  username: z.string(),
  /** Of who signed in with GitHub. */
  github_id: z.int().optional(),
  method: SignInMethodName,
  signed_in_at: z.iso.datetime(),
});
export type Me = z.infer<typeof Me>;

/** A session as its owner sees it. */
export const SessionView = z.object({
  /** The beginning of its token's hash, which opens nothing. */
  id: z.string(),
  method: SignInMethodName,
  created_at: z.iso.datetime(),
  last_seen_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  /** Where it was begun from; null when that was not kept. */
  address: z.string().nullable(),
  /** "Firefox on Linux". */
  browser: z.string().nullable(),
  /** Whether it is the very one that asks. */
  current: z.boolean(),
});
export type SessionView = z.infer<typeof SessionView>;

/** `GET /auth/account/sessions`. */
export const SessionList = z.object({ sessions: z.array(SessionView) });

/** A GitHub account that is the owner's. */
export const GithubAccountView = z.object({
  github_id: z.int(),
  username: z.string(),
  /** Whether it may sign in as things are set up now. */
  allowed: z.boolean(),
  last_sign_in_at: z.iso.datetime(),
});
export type GithubAccountView = z.infer<typeof GithubAccountView>;

export const PasskeyView = z.object({
  id: z.string(),
  name: z.string(),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().nullable(),
  /** The host name for which it was made: it works nowhere else. */
  host: z.string(),
});
export type PasskeyView = z.infer<typeof PasskeyView>;

/** `GET /auth/account/passkeys`. */
export const PasskeyList = z.object({
  passkeys: z.array(PasskeyView),
  /** The host name for which one can be made here; null where there is none, as at a bare number. */
  host: z.string().nullable(),
  /** Another address of this Luna where one can be made. */
  elsewhere: z.string().nullable(),
});
export type PasskeyList = z.infer<typeof PasskeyList>;

const SESSION_IDS_MAX = 200;

/** `GET /living-sessions`, for the supervisor only: ids separated by commas. */
export const SessionIds = z.strictObject({
  ids: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(z.string()).max(SESSION_IDS_MAX)),
});

/** Those of the ids whose sessions are alive. */
export const LivingSessions = z.object({ living: z.array(z.string()) });
export type LivingSessions = z.infer<typeof LivingSessions>;

/** `GET /auth/account/passphrase`. */
export const PassphraseView = z.object({ changed_at: z.iso.datetime().nullable() });
export type PassphraseView = z.infer<typeof PassphraseView>;

/** `POST /login-links`, for the command line only. */
export const LoginLink = z.object({ token: z.string(), expires_at: z.iso.datetime() });
export type LoginLink = z.infer<typeof LoginLink>;
