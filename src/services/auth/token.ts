/** The form of session and link tokens: whatever looks different never reaches the database. */

/** 256 random bits in base64url, as `generateSecret` makes them. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}
