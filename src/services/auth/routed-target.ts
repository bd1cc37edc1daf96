/** Where a public path of an extension leads: `/ext/<extension>/…` and `/api/<extension>/…` (specification 5). */
import type { RoutesFile } from "../../contract/routes.ts";

export type RoutedTarget =
  | {
      kind: "upstream";
      port: number;
      /** What Caddy takes off the path, without its first slash; undefined when the path stays whole. */
      prefix: string | undefined;
      /** What it speaks; plain HTTP where nothing is said. */
      scheme?: "http" | "https";
      /** Of a service that is reached by others than those who are signed in. */
      exposed?: Exposed;
    }
  | { kind: "redirect"; location: string }
  | { kind: "unknown" };

export interface Exposed {
  /** `<extension>.<service>` */
  service: string;
  access: "key" | "open";
  /** Whether pages of other sites may use it, without cookies. */
  cors: boolean;
}

type ExtensionRoutes = RoutesFile["extensions"][string];
type RoutedPort = NonNullable<ExtensionRoutes["ui"]>;
type RoutedService = ExtensionRoutes["services"][string];

const UNKNOWN: RoutedTarget = { kind: "unknown" };

/** What an object itself has under a name that came from outside, never what every object inherits. */
function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function upstream(
  { port, strip_prefix }: Pick<RoutedPort, "port" | "strip_prefix">,
  prefix: string,
): RoutedTarget {
  return { kind: "upstream", port, prefix: strip_prefix ? prefix : undefined };
}

interface Candidate {
  name: string;
  service: RoutedService;
  /** The path under which it was found. */
  prefix: string;
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** The service whose path is the longest one above `path`; the first by name has the extension's own. */
function serviceAt(
  path: string,
  extension: string,
  services: ExtensionRoutes["services"],
): Candidate | undefined {
  const root = `/api/${extension}`;
  const all = Object.entries(services)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, service]) => ({ name, service }));
  const candidates = all.flatMap((one) => {
    const { prefix } = one.service;
    const paths = [`${root}/${one.name}`, ...(prefix === null ? [] : [prefix])];
    return paths.filter((each) => isBelow(path, each)).map((each) => ({ ...one, prefix: each }));
  });
  const [longest] = candidates.sort((one, other) => other.prefix.length - one.prefix.length);
  const [first] = all;
  return longest ?? (first === undefined ? undefined : { ...first, prefix: root });
}

function serviceTarget(
  path: string,
  extension: string,
  services: ExtensionRoutes["services"],
): RoutedTarget {
  const found = serviceAt(path, extension, services);
  if (found === undefined) return UNKNOWN;
  const { name, service, prefix } = found;
  const { access, cors } = service;
  const target = upstream(service, prefix.slice(1));
  if (target.kind !== "upstream" || access === "session") return target;
  return { ...target, exposed: { service: `${extension}.${name}`, access, cors } };
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
  if (area === "api") return serviceTarget(path, extension, routes.services);
  if (area !== "ext" || routes.ui === null) return UNKNOWN;
  if (next === undefined && routes.ui.enforce_trailing_slash) {
    return { kind: "redirect", location: `${path}/${uri.slice(path.length)}` };
  }
  return upstream(routes.ui, `ext/${extension}`);
}
