/** The seam for ways to sign in: each proves a user, and the session that follows is the same for all. */
import type { Me } from "../../contract/auth.ts";

export interface SignInMethod<Proof> {
  readonly name: Me["method"];
  /**
   * The id of the user whom `proof` proves; undefined when it proves nobody.
   * A proof that is good for one use is used up by this.
   */
  identify(proof: Proof): Promise<string | undefined>;
}
