/** The seam for ways to sign in: each proves a user, and the session that follows is the same for all. */
import type { SignInMethodName } from "../../contract/auth.ts";

/** Who proved to be whom, and with which of their things. */
export interface Identity {
  user_id: string;
  /** What others call them, where it is not the user's own name. */
  username?: string;
  passkey_id?: string;
  github_id?: number;
}

export interface SignInMethod<Proof> {
  readonly name: SignInMethodName;
  /**
   * Whom `proof` proves; undefined when it proves nobody.
   * A proof that is good for one use is used up by this.
   */
  identify(proof: Proof): Promise<Identity | undefined>;
}
