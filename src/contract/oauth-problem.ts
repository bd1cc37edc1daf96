/** Why the owner cannot even be asked about a client: codes that the consent page has words for. */

export const OAUTH_PROBLEMS = {
  unknown_client:
    "This Luna does not know the program that sent you here. It was removed, or it registered with another Luna; in the program, remove this connection and add it again",
  client_document:
    "This Luna cannot read what the program that sent you here says of itself. Activity has the reason",
  redirect_uri:
    "The program that sent you here wants its answer at an address that it has not registered, so it may be another one. Activity has the address",
  repeated_parameter:
    "The address that brought you here says something twice, so it is not what a program sends",
  expired:
    "This request was answered already, is older than ten minutes, or was begun in another browser; begin again in the program",
} as const;

export type OAuthProblemCode = keyof typeof OAUTH_PROBLEMS;

export function isOAuthProblem(code: string): code is OAuthProblemCode {
  return Object.hasOwn(OAUTH_PROBLEMS, code);
}
