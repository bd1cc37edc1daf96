/** The public half of auth, `/auth/*`: signing in, signing out, and who is signed in. */
import { type Context, Hono } from "hono";
import type { GithubConfiguration } from "../../config/github.ts";
import { LinkSignIn, type Me, PassphraseSignIn, type SignInMethods } from "../../contract/auth.ts";
import { clientAddress } from "../../lib/client-address.ts";
import { UnauthorizedError } from "../../lib/errors.ts";
import { valid } from "../../lib/valid.ts";
import { fewWarnings } from "./few-warnings.ts";
import type { LoginLinks } from "./login-links.ts";
import { OWNER_ID } from "./owner.ts";
import { hostOf } from "./passkey-routes.ts";
import type { Passkeys } from "./passkeys.ts";
import type { Passphrases } from "./passphrases.ts";
import { relyingParty } from "./relying-party.ts";
import { githubAddress, signInAddress } from "./return-to.ts";
import { clearSessionCookie, readSessionCookie } from "./session-cookie.ts";
import type { Sessions } from "./sessions.ts";
import {
  limitAttempts,
  ownerOf,
  ownPagesOnly,
  type SignInParts,
  sessionOf,
  signIn,
  smallBody,
} from "./sign-in.ts";
import { isLoopback } from "./visitor.ts";

export interface SignInDependencies extends SignInParts {
  links: LoginLinks;
  passphrases: Passphrases;
  passkeys: Passkeys;
  /** The Hub's address, without a final slash. */
  publicUrl: string;
  github: { configuration: GithubConfiguration };
}

const linkRefusal = () =>
  new UnauthorizedError(
    'Cannot sign in with this link: it has expired or was used already; make a new one with "luna login-link"',
  );
const passphraseRefusal = () =>
  new UnauthorizedError(
    'Cannot sign in with this passphrase: it is not the owner\'s; "luna passphrase" on the computer where Luna runs sets a new one',
  );

const STRANGERS = "strangers";

/**
 * Strangers are counted together, so that they cannot share the guesses among many addresses. An address from
 * which the owner is signed in is counted for itself, so that strangers elsewhere cannot keep the owner out there.
 * This machine's own says nothing of who asks.
 */
async function guesserOf(address: string | null, sessions: Sessions): Promise<string> {
  if (address === null || isLoopback(address)) return STRANGERS;
  return (await sessions.isAnyFrom(OWNER_ID, address)) ? address : STRANGERS;
}

export function signInRoutes(dependencies: SignInDependencies) {
  const { sessions, links, passphrases, passkeys, github, audit, log } = dependencies;
  const { publicUrl } = dependencies;
  const linkParts = { ...dependencies, log: fewWarnings(log) };
  const methodsAt = async (context: Context): Promise<SignInMethods> => {
    const rp = relyingParty(publicUrl, hostOf(context));
    const { configuration } = github;
    return {
      link: true,
      passphrase: (await passphrases.changedAt(OWNER_ID)) !== undefined,
      passkey: rp !== undefined && (await passkeys.isAnyAt(rp.id)),
      github: configuration.state === "on",
      github_off: configuration.state === "refused" ? configuration.reason : null,
    };
  };
  return new Hono()
    .get("/auth/me", async (context) => {
      const session = await sessionOf(context, sessions);
      if (session === undefined) throw new UnauthorizedError("Not signed in");
      const { username, method, created_at, github_id } = session;
      return context.json({
        authenticated: true,
        username,
        ...(github_id === null ? {} : { github_id }),
        method,
        signed_in_at: new Date(created_at).toISOString(),
      } satisfies Me);
    })
    .get("/auth/methods", async (context) => context.json(await methodsAt(context)))
    .get("/auth/login", async (context) => {
      const returnTo = context.req.query("returnTo");
      const { passphrase, passkey, github: isOn } = await methodsAt(context);
      // Where the page would have one thing to press, this has pressed it (contract 5.3).
      const isOnlyWay = isOn && !passphrase && !passkey;
      return context.redirect(isOnlyWay ? githubAddress(returnTo) : signInAddress(returnTo));
    })
    .post(
      // Not limited: nobody guesses 256 bits, and this way in has to stay open whatever others try.
      "/auth/link",
      ownPagesOnly,
      smallBody,
      valid("json", LinkSignIn),
      async (context) => {
        const { token } = context.req.valid("json");
        const attempt = { method: links, proof: token, refusal: linkRefusal };
        await signIn(context, linkParts, attempt);
        return context.json({ success: true });
      },
    )
    .post(
      "/auth/passphrase",
      ownPagesOnly,
      limitAttempts(dependencies),
      smallBody,
      valid("json", PassphraseSignIn),
      async (context) => {
        const { passphrase } = context.req.valid("json");
        const guesser = await guesserOf(clientAddress(context.req), sessions);
        const proof = { user_id: OWNER_ID, passphrase, guesser };
        const attempt = { method: passphrases, proof, refusal: passphraseRefusal };
        await signIn(context, dependencies, attempt);
        return context.json({ success: true });
      },
    )
    .post("/auth/logout", ownPagesOnly, async (context) => {
      const token = readSessionCookie(context);
      if (token !== undefined) {
        const session = await sessions.find(token);
        await sessions.end(token);
        log.info("Somebody signed out");
        if (session !== undefined) {
          const address = clientAddress(context.req);
          audit.record({ actor: ownerOf(session), action: "sign_out", outcome: "ok", address });
        }
      }
      clearSessionCookie(context);
      return context.json({ success: true });
    });
}
