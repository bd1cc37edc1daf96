/** Sign-in: what the sign-in page sends and what it is told. */
import { z } from "zod";

/** The session's cookie on http; on https its name begins with `__Host-`. */
export const SESSION_COOKIE = "luna_session";

/** `POST /auth/link`: the one-time link's token, from the fragment of its address. */
export const LinkSignIn = z.strictObject({ token: z.string().min(1).max(200) });
export type LinkSignIn = z.infer<typeof LinkSignIn>;

/** `GET /auth/methods`: only what is configured. */
export const SignInMethods = z.object({ link: z.boolean(), github: z.boolean() });
export type SignInMethods = z.infer<typeof SignInMethods>;

/** `GET /auth/me` (contract 5.3). */
export const Me = z.object({
  authenticated: z.literal(true),
  username: z.string(),
  method: z.enum(["link", "github"]),
  signed_in_at: z.iso.datetime(),
});
export type Me = z.infer<typeof Me>;

/** `POST /login-links`, for the command line only. */
export const LoginLink = z.object({ token: z.string(), expires_at: z.iso.datetime() });
export type LoginLink = z.infer<typeof LoginLink>;
