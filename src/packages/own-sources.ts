/** What a package.json may ask for: packages of a registry or of an address, and of its own extension's folder. */
import { dirname, relative, resolve } from "node:path";
import { z } from "zod";

const Specs = z.record(z.string(), z.unknown()).catch({});

/** Only what matters here; whoever reads the rest complains of it. */
export const PackageJson = z.looseObject({
  dependencies: Specs.optional(),
  devDependencies: Specs.optional(),
  optionalDependencies: Specs.optional(),
  peerDependencies: Specs.optional(),
  overrides: z.unknown().optional(),
  resolutions: z.unknown().optional(),
  workspaces: z.unknown().optional(),
});
export type PackageJson = z.infer<typeof PackageJson>;

/** Whether there is anything to install. */
export function asksForPackages(json: PackageJson): boolean {
  const lists = [
    json.dependencies,
    json.devDependencies,
    json.optionalDependencies,
    json.peerDependencies,
  ];
  const hasAny = lists.some((list) => list !== undefined && Object.keys(list).length > 0);
  return hasAny || json.workspaces !== undefined;
}

/** Every text below `value`, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

/** A path in a specification: `file:x`, `link:x`, `./x`, `../x`, `/x`, `~/x`; undefined when it is none. */
function pathIn(spec: string): string | undefined {
  const path = /^(?:file|link|portal|workspace):(.*)$/s.exec(spec)?.[1] ?? spec;
  return /^(?:\.{1,2}(?:\/|$)|\/|~)/.test(path) || /^(?:file|link|portal):/.test(spec)
    ? path
    : undefined;
}

/**
 * The first specification that takes files from outside of the extension.
 * @param file the package.json's own path
 * @param root the extension's folder
 */
export function foreignPath(
  json: PackageJson,
  { file, root }: { file: string; root: string },
): string | undefined {
  const specs = [
    ...[json.dependencies, json.devDependencies, json.optionalDependencies],
    ...[json.peerDependencies, json.overrides, json.resolutions],
  ].flatMap(textsIn);
  // Patterns of folders, all of them.
  const workspaces = textsIn(json.workspaces).map((pattern) => `file:${pattern}`);
  return [...specs, ...workspaces].find((spec) => {
    const path = pathIn(spec);
    if (path === undefined) return false;
    const fromRoot = relative(root, resolve(dirname(file), path));
    return path.startsWith("~") || fromRoot === ".." || fromRoot.startsWith("../");
  });
}
