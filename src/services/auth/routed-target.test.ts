/** Tests of where the public paths of extensions lead. */
import { describe, expect, test } from "bun:test";
import { RoutesFile } from "../../contract/routes.ts";
import { type RoutedTarget, routedTarget } from "./routed-target.ts";

const ROUTES = RoutesFile.parse({
  extensions: {
    notes: {
      ui: { port: 5200, strip_prefix: true, enforce_trailing_slash: true },
      services: {
        web: { port: 5301, strip_prefix: true },
        backend: { port: 5300, strip_prefix: true },
      },
    },
    vite: {
      ui: { port: 5201, strip_prefix: false, enforce_trailing_slash: false },
      services: { whole: { port: 5302, strip_prefix: false } },
    },
    bare: { ui: { port: 5202, strip_prefix: true, enforce_trailing_slash: false }, services: {} },
    tools_only: { ui: null, services: {} },
  },
});

const to = (port: number, prefix?: string): RoutedTarget => ({ kind: "upstream", port, prefix });
const redirect = (location: string): RoutedTarget => ({ kind: "redirect", location });

describe("services with paths of their own", () => {
  const port = (number: number, prefix: string | null = null) => ({
    ...{ port: number, strip_prefix: true, prefix },
  });
  const OWN_PATHS = RoutesFile.parse({
    extensions: {
      notes: {
        ui: null,
        services: {
          aaa: port(5301),
          root: port(5302, "/api/notes"),
          v1: { ...port(5303, "/api/notes/public/v1"), access: "open", cors: true },
          zzz: { ...port(5304, "/api/notes/public"), access: "key" },
        },
      },
    },
  });
  test.each([
    ["/api/notes", 5302, "api/notes"],
    ["/api/notes/x", 5302, "api/notes"],
    ["/api/notes/aaa/x", 5301, "api/notes/aaa"],
    ["/api/notes/public/v1", 5303, "api/notes/public/v1"],
    ["/api/notes/public/v1/x", 5303, "api/notes/public/v1"],
    ["/api/notes/public/v12", 5304, "api/notes/public"],
    ["/api/notes/public", 5304, "api/notes/public"],
    ["/api/notes/publicity", 5302, "api/notes"],
    ["/api/notes/v1/public", 5303, "api/notes/v1"],
    ["/api/notes/Public/v1", 5302, "api/notes"],
  ])("%s", (uri, number, prefix) => {
    expect(routedTarget(uri, OWN_PATHS)).toMatchObject(to(number, prefix));
  });

  test("only what is exposed says so", () => {
    const exposed = (uri: string) => {
      const target = routedTarget(uri, OWN_PATHS);
      return target.kind === "upstream" ? target.exposed : target;
    };
    expect(exposed("/api/notes/x")).toBeUndefined();
    const open = { service: "notes.v1", access: "open", cors: true } as const;
    expect(exposed("/api/notes/v1/x")).toEqual(open);
    const keyed = { service: "notes.zzz", access: "key", cors: false } as const;
    expect(exposed("/api/notes/public/x")).toEqual(keyed);
  });
});

describe("leads somewhere", () => {
  test.each<[string, RoutedTarget]>([
    ["/ext/notes", redirect("/ext/notes/")],
    ["/ext/notes?a=1&b=%20?", redirect("/ext/notes/?a=1&b=%20?")],
    ["/ext/notes?next=/x/y", redirect("/ext/notes/?next=/x/y")],
    ["/ext/notes/", to(5200, "ext/notes")],
    ["/ext/notes/?q", to(5200, "ext/notes")],
    ["/ext/notes/a%20b/%C3%A9?q=/api/vite", to(5200, "ext/notes")],
    ["/ext/notes/backend/x", to(5200, "ext/notes")],
    ["/ext/vite", to(5201)],
    ["/ext/vite/", to(5201)],
    ["/ext/vite/@vite/client", to(5201)],
    ["/ext/bare", to(5202, "ext/bare")],
    ["/ext/bare?x", to(5202, "ext/bare")],
    ["/api/notes", to(5300, "api/notes")],
    ["/api/notes?q", to(5300, "api/notes")],
    ["/api/notes/", to(5300, "api/notes")],
    ["/api/notes/items/1", to(5300, "api/notes")],
    ["/api/notes/webs", to(5300, "api/notes")],
    ["/api/notes/web%20", to(5300, "api/notes")],
    ["/api/notes/x/web", to(5300, "api/notes")],
    ["/api/notes/__proto__/x", to(5300, "api/notes")],
    ["/api/notes/constructor", to(5300, "api/notes")],
    ["/api/notes/web", to(5301, "api/notes/web")],
    ["/api/notes/web?x", to(5301, "api/notes/web")],
    ["/api/notes/web/", to(5301, "api/notes/web")],
    ["/api/notes/web/backend", to(5301, "api/notes/web")],
    ["/api/notes/backend/x", to(5300, "api/notes/backend")],
    ["/api/vite/x", to(5302)],
    ["/api/vite/whole/x", to(5302)],
  ])("%s", (uri, target) => {
    expect(routedTarget(uri, ROUTES)).toEqual(target);
  });
});

describe("leads nowhere", () => {
  test.each([
    "",
    "/",
    "?",
    "/ext",
    "/ext/",
    "/ext//notes/",
    "//ext/notes/",
    "/ext/unknown/",
    "/ext/unknown",
    "/ext/tools_only/",
    "/ext/tools_only",
    "/ext/__proto__/",
    "/ext/constructor/",
    "/ext/toString",
    "/ext/Notes/",
    "/EXT/notes/",
    "/Api/notes/",
    "/ext/n%6Ftes/",
    "/ext/notes%2F",
    "/ext/notes;x/",
    "/ext/../api/notes",
    "/ext/./notes/",
    "/%65xt/notes/",
    "/api",
    "/api/",
    "/api?/api/notes",
    "/api/bare",
    "/api/bare/x",
    "/api/tools_only/x",
    "/api/unknown/x",
    "/api/__proto__",
    "/ext_service/notes/",
    "/notes/",
    "ext/notes/",
    "http://127.0.0.1/ext/notes/",
    "*",
  ])("%s", (uri) => {
    expect(routedTarget(uri, ROUTES)).toEqual({ kind: "unknown" });
  });
});
