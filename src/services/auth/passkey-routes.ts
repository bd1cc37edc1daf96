/** Passkeys over HTTP: signing in with one, and the signed-in owner's list of them. */
import { type Context, Hono } from "hono";
import {
  PasskeyChange,
  type PasskeyList,
  PasskeyRegistration,
  PasskeySignIn,
} from "../../contract/auth.ts";
import { ConflictError, NotFoundError, UnauthorizedError } from "../../lib/errors.ts";
import { valid } from "../../lib/valid.ts";
import { noteWith, requireSession } from "./account.ts";
import type { PasskeyCeremonies } from "./passkey-ceremonies.ts";
import type { Passkeys } from "./passkeys.ts";
import { passkeyAddress, type RelyingParty, relyingParty } from "./relying-party.ts";
import {
  limitAttempts,
  ownPagesOnly,
  type SignInParts,
  signIn,
  smallBody,
  takeAttempt,
} from "./sign-in.ts";
import { visitorOf } from "./visitor.ts";

export interface PasskeyDependencies extends SignInParts {
  passkeys: Passkeys;
  ceremonies: PasskeyCeremonies;
  /** The Hub's address, without a final slash. */
  publicUrl: string;
}

const refusal = () =>
  new UnauthorizedError(
    "Cannot sign in with this passkey: this Luna does not know it, or it took too long; try again, or sign in another way",
  );

const unknown = (): NotFoundError =>
  new NotFoundError("Cannot find this passkey: there is none of that id");

/** What to call a passkey that nobody has named. */
const UNNAMED = "Passkey";

export function hostOf(context: Context): string {
  return context.req.header("X-Forwarded-Host") ?? context.req.header("Host") ?? "";
}

export function passkeyRoutes(dependencies: PasskeyDependencies) {
  const { ceremonies, publicUrl } = dependencies;
  const requireParty = (context: Context): RelyingParty => {
    const rp = relyingParty(publicUrl, hostOf(context));
    if (rp !== undefined) return rp;
    const where = passkeyAddress(publicUrl);
    throw new ConflictError(
      `Cannot use passkeys at this address: they need a host name; ${where === undefined ? "this Luna has none" : `open Luna at ${where}`}`,
      { code: "no_host_name" },
    );
  };

  return new Hono()
    .post("/auth/passkey/options", ownPagesOnly, async (context) => {
      // Not given back: it is what bounds how many challenges are open at once.
      await takeAttempt(context, dependencies);
      return context.json(await ceremonies.signInOptions(requireParty(context)));
    })
    .post(
      "/auth/passkey",
      ownPagesOnly,
      limitAttempts(dependencies),
      smallBody,
      valid("json", PasskeySignIn),
      async (context) => {
        const { credential } = context.req.valid("json");
        const proof = { credential, rp: requireParty(context) };
        await signIn(context, dependencies, { method: ceremonies, proof, refusal });
        return context.json({ success: true });
      },
    )
    .route("/", accountPasskeys(dependencies, requireParty));
}

function accountPasskeys(
  dependencies: PasskeyDependencies,
  requireParty: (context: Context) => RelyingParty,
) {
  const { passkeys, ceremonies, publicUrl, sessions } = dependencies;
  const note = noteWith(dependencies.audit);
  return new Hono()
    .basePath("/auth/account/passkeys")
    .use(requireSession(sessions), ownPagesOnly)
    .get("/", async (context) => {
      const list: PasskeyList = {
        passkeys: await passkeys.list(context.get("session").user_id),
        host: relyingParty(publicUrl, hostOf(context))?.id ?? null,
        elsewhere: passkeyAddress(publicUrl) ?? null,
      };
      return context.json(list);
    })
    .post("/options", async (context) =>
      context.json(
        await ceremonies.registrationOptions(requireParty(context), context.get("session")),
      ),
    )
    .post("/", smallBody, valid("json", PasskeyRegistration), async (context) => {
      const session = context.get("session");
      const { credential, name = visitorOf(context).browser ?? UNNAMED } =
        context.req.valid("json");
      const rp = requireParty(context);
      const id = await ceremonies.register(credential, { name, rp, session });
      note(context, { action: "passkey.add", target: name, details: { id } });
      return context.json({ id });
    })
    .patch("/:id", smallBody, valid("json", PasskeyChange), async (context) => {
      const id = context.req.param("id");
      const { name } = context.req.valid("json");
      if (!(await passkeys.rename(context.get("session").user_id, id, name))) throw unknown();
      note(context, { action: "passkey.rename", target: name, details: { id } });
      return context.json({ success: true });
    })
    .delete("/:id", async (context) => {
      const session = context.get("session");
      const id = context.req.param("id");
      const passkey = await passkeys.find(id);
      if (!(await passkeys.remove(session.user_id, id))) throw unknown();
      const ended = await sessions.revokeOthers(session.user_id, session, { passkey_id: id });
      const target = passkey?.name ?? id;
      note(context, { action: "passkey.remove", target, details: { id, ended } });
      return context.json({ ended });
    });
}
