/** Lays fixture extensions into a test's home. */
import { join, resolve } from "node:path";

const FIXTURES = resolve(import.meta.dir, "../fixtures/extensions");

/** The files of a fixture extension, by their path in a home. */
export async function fixtureExtension(name: string): Promise<Record<string, string>> {
  const folder = join(FIXTURES, name);
  const files = [...new Bun.Glob("**/*").scanSync(folder)];
  const texts = await Promise.all(
    files.map(async (file) => {
      const text = await Bun.file(join(folder, file)).text();
      return [`extensions/${name}/${file}`, text] as const;
    }),
  );
  return Object.fromEntries(texts);
}
