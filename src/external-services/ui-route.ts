/** Under which public path an installed service's UI is (contract 8.3). */
import type { RegistryFile, ServiceDefinition, UiRoute } from "../contract/external-service.ts";
import { type FilledConfig, uiPort } from "./config-form.ts";

/** The edge leads no other first segment to services. */
const BASE_PATH = "ext_service";
const SLUG_LENGTH_MAX = 64;

function slugOf(text: string): string {
  const slug = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/-{2,}/g, "-")
    .slice(0, SLUG_LENGTH_MAX)
    .replace(/^-+|-+$/g, "");
  return slug === "" ? "service" : slug;
}

function unique(slug: string, taken: ReadonlySet<string>): string {
  for (let next = 1; ; next += 1) {
    const candidate = next === 1 ? slug : `${slug}-${next}`;
    if (!taken.has(candidate)) return candidate;
  }
}

/** @param now ISO 8601 */
export function uiRouteOf(
  definition: ServiceDefinition,
  context: { config: FilledConfig; registry: RegistryFile; now: string },
): UiRoute | undefined {
  const { ui, name } = definition;
  const port = uiPort(definition, context.config);
  if (ui === undefined || port === undefined) return undefined;
  const others = Object.entries(context.registry).filter(([other]) => other !== name);
  const taken = new Set(others.flatMap(([, entry]) => entry.ui?.slug ?? []));
  const slug = unique(slugOf(ui.slug ?? name), taken);
  const path = `/${BASE_PATH}/${slug}`;
  const { scheme, strip_prefix, enforce_trailing_slash, open_mode } = ui;
  return {
    ...{ service: name, base_path: BASE_PATH, slug, port, scheme },
    ...{ strip_prefix, enforce_trailing_slash, open_mode },
    ...{ path, path_with_slash: `${path}/`, last_updated: context.now },
  };
}
