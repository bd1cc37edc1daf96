/** Where the public path of an external service's page leads: `/ext_service/<slug>/…` (specification 5). */
import type { ServiceRoutesFile, UiRoute } from "../../contract/external-service.ts";
import type { RoutedTarget } from "./routed-target.ts";

const AREA = "ext_service";

export function isServicePath(uri: string): boolean {
  return uri.startsWith(`/${AREA}/`);
}

/** Pure. `uri` is path and query as the client sent them; the slug is compared as it is written. */
export function serviceTarget(uri: string, routes: ServiceRoutesFile): RoutedTarget {
  const [path = ""] = uri.split("?", 1);
  const [root, area, slug = "", next] = path.split("/");
  const route: UiRoute | undefined = Object.values(routes).find((one) => one.slug === slug);
  if (root !== "" || area !== AREA || route === undefined) return { kind: "unknown" };
  if (next === undefined && route.enforce_trailing_slash) {
    return { kind: "redirect", location: `${path}/${uri.slice(path.length)}` };
  }
  const { port, scheme, strip_prefix } = route;
  return { kind: "upstream", port, scheme, prefix: strip_prefix ? `${AREA}/${slug}` : undefined };
}
