/** Why signing in by another page than Luna's own did not work, in the words that the sign-in page shows. */

interface SignInProblem {
  /** The HTTP status for programs; people are led to the sign-in page. */
  status: number;
  message: string;
}

const AGAIN = "try again, from the beginning";

export const SIGN_IN_PROBLEMS = {
  github_off: {
    status: 503,
    message: "Cannot sign in with GitHub: it is not set up on this Luna",
  },
  github_incomplete: {
    status: 503,
    message:
      "Cannot sign in with GitHub: its settings on this Luna are not complete; its owner finds on Home and with luna doctor what is missing",
  },
  github_unrestricted: {
    status: 503,
    message:
      "Cannot sign in with GitHub: this Luna can be reached from outside, and nobody has said which GitHub accounts may use it; its owner finds on Home and with luna doctor what to set",
  },
  github_not_allowed: {
    status: 403,
    message: "Cannot sign in with this GitHub account: it may not use this Luna",
  },
  github_state: {
    status: 400,
    message: `Cannot sign in with GitHub: this attempt is too old, was finished already, or began in another browser; ${AGAIN}`,
  },
  github_cancelled: {
    status: 400,
    message: "Not signed in: at GitHub you did not allow Luna to see who you are",
  },
  github_redirect: {
    status: 400,
    message:
      "Cannot sign in with GitHub: the callback URL of the OAuth application at GitHub is another one than this Luna's",
  },
  github_suspended: {
    status: 400,
    message: "Cannot sign in with GitHub: GitHub has suspended the OAuth application of this Luna",
  },
  github_code: {
    status: 400,
    message: `Cannot sign in with GitHub: GitHub no longer knows this attempt; ${AGAIN}`,
  },
  github_credentials: {
    status: 502,
    message:
      "Cannot sign in with GitHub: GitHub does not know this Luna's GITHUB_CLIENT_ID, or its GITHUB_CLIENT_SECRET is another one",
  },
  github_unreachable: {
    status: 502,
    message: "Cannot sign in with GitHub: GitHub does not answer this Luna; try again later",
  },
  github_unexpected: {
    status: 502,
    message:
      "Cannot sign in with GitHub: GitHub answered with something else; Luna's log says what",
  },
  too_many: {
    status: 429,
    message: "Cannot sign in now: too many attempts have failed",
  },
  unavailable: {
    status: 503,
    message: "Cannot sign in now: Luna's database does not answer; try again later",
  },
  failed: {
    status: 500,
    message: "Cannot sign in: Luna itself failed; its log says why",
  },
} satisfies Record<string, SignInProblem>;

export type SignInProblemCode = keyof typeof SIGN_IN_PROBLEMS;

export function isSignInProblem(code: string): code is SignInProblemCode {
  return Object.hasOwn(SIGN_IN_PROBLEMS, code);
}
