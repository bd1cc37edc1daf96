/** Where a public path of an extension leads: `/ext/<extension>/…` and `/api/<extension>/…` (specification 5). */
import type { RoutesFile } from "../../contract/routes.ts";

export type RoutedTarget =
  | {
      kind: "upstream";
      port: number;
      /** What Caddy takes off the path, without its first slash; undefined when the path stays whole. */
      prefix: string | undefined;
    }
  | { kind: "redirect"; location: string }
  | { kind: "unknown" };

type ExtensionRoutes = RoutesFile["extensions"][string];
type RoutedPort = ExtensionRoutes["services"][string];

const UNKNOWN: RoutedTarget = { kind: "unknown" };

/** What an object itself has under a name that came from outside, never what every object inherits. */
function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function upstream({ port, strip_prefix }: RoutedPort, prefix: string): RoutedTarget {
  return { kind: "upstream", port, prefix: strip_prefix ? prefix : undefined };
}

function serviceTarget(
  services: ExtensionRoutes["services"],
  extension: string,
  next: string | undefined,
): RoutedTarget {
  const named = next === undefined ? undefined : own(services, next);
  if (named !== undefined) return upstream(named, `api/${extension}/${next}`);
  const [first] = Object.keys(services).sort();
  const only = first === undefined ? undefined : own(services, first);
  return only === undefined ? UNKNOWN : upstream(only, `api/${extension}`);
}

/**
 * Pure. `uri` is path and query as the client sent them. Names are compared as they are written, neither
 * decoded nor in another case: they never need an encoding, and one spelling is one place.
 */
export function routedTarget(uri: string, { extensions }: RoutesFile): RoutedTarget {
  const [path = ""] = uri.split("?", 1);
  const [root, area, extension = "", next] = path.split("/");
  const routes = own(extensions, extension);
  if (root !== "" || routes === undefined) return UNKNOWN;
  if (area === "api") return serviceTarget(routes.services, extension, next);
  if (area !== "ext" || routes.ui === null) return UNKNOWN;
  if (next === undefined && routes.ui.enforce_trailing_slash) {
    return { kind: "redirect", location: `${path}/${uri.slice(path.length)}` };
  }
  return upstream(routes.ui, `ext/${extension}`);
}
