/** How an HTTP answer tells of a rate limit (draft-ietf-httpapi-ratelimit-headers-11; Retry-After is RFC 9110, 10.2.3). */
import type { Rate, Taking } from "./rate-limit.ts";

const SECOND_MS = 1000;

/**
 * `RateLimit-Policy` with the quota and its window, `RateLimit` with what is left and when more comes back,
 * and `Retry-After` for who has to wait.
 * @param policy the name of the policy
 */
export function rateLimitHeaders(
  policy: string,
  { burst, intervalMs }: Rate,
  { waitMs, remaining, nextMs }: Taking,
): Record<string, string> {
  const windowS = Math.max(1, Math.round((burst * intervalMs) / SECOND_MS));
  const nextS = Math.ceil(Math.max(nextMs, waitMs) / SECOND_MS);
  return {
    "RateLimit-Policy": `"${policy}";q=${burst};w=${windowS}`,
    RateLimit: `"${policy}";r=${remaining};t=${nextS}`,
    ...(waitMs > 0 ? { "Retry-After": String(nextS) } : {}),
  };
}
