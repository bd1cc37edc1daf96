/** What a service's `public_exposure` comes to: who reaches it from outside, and under which paths. */
import type { PublicExposure, ServiceAccess } from "../contract/extension.ts";

/** Nobody is let in whom the file does not plainly name: what says nothing of `enabled` opens nothing. */
export function accessOf(exposure: PublicExposure | undefined): ServiceAccess {
  if (exposure?.enabled === false) return "none";
  if (exposure?.require_api_key === true) return "key";
  return exposure?.enabled === true ? "open" : "session";
}

/** Whether the prefix lies below the extension's own path. */
export function isOwnPrefix(prefix: string, extension: string): boolean {
  return prefix === `/api/${extension}` || prefix.startsWith(`/api/${extension}/`);
}
