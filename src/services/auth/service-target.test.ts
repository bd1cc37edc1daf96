/** Tests of where the public paths of external services lead. */
import { expect, test } from "bun:test";
import { ServiceRoutesFile } from "../../contract/external-service.ts";
import { serviceTarget } from "./service-target.ts";

const route = (slug: string, change: object = {}) => ({
  ...{ service: "any", base_path: "ext_service", slug, port: 9000, scheme: "http" },
  ...{ strip_prefix: true, enforce_trailing_slash: true, open_mode: "iframe" },
  ...{ path: `/ext_service/${slug}`, path_with_slash: `/ext_service/${slug}/` },
  ...{ last_updated: new Date().toISOString(), ...change },
});
const ROUTES = ServiceRoutesFile.parse({
  grocy: route("my-grocy"),
  whole: route("whole", { port: 9001, strip_prefix: false, enforce_trailing_slash: false }),
  safe: route("safe", { port: 9002, scheme: "https" }),
});

test.each([
  ["/ext_service/my-grocy/", 9000, "ext_service/my-grocy", "http"],
  ["/ext_service/my-grocy/a/b?c=%2F", 9000, "ext_service/my-grocy", "http"],
  ["/ext_service/whole", 9001, undefined, "http"],
  ["/ext_service/whole/x", 9001, undefined, "http"],
  ["/ext_service/safe/", 9002, "ext_service/safe", "https"],
] as const)("%s", (uri, port, prefix, scheme) => {
  expect(serviceTarget(uri, ROUTES)).toEqual({ kind: "upstream", port, prefix, scheme });
});

test("the slash that is missing is added", () => {
  expect(serviceTarget("/ext_service/my-grocy?a=%20b", ROUTES)).toEqual({
    ...{ kind: "redirect", location: "/ext_service/my-grocy/?a=%20b" },
  });
});

test.each([
  ...["/ext_service/grocy/", "/ext_service/", "/ext_service", "/ext_service//my-grocy/"],
  ...["//ext_service/my-grocy/", "/ext_service/My-Grocy/", "/ext_service/my%2Dgrocy/", "*", ""],
  ...["/ext_service/__proto__/", "/ext/my-grocy/", "ext_service/my-grocy/"],
])("%s leads nowhere", (uri) => {
  expect(serviceTarget(uri, ROUTES)).toEqual({ kind: "unknown" });
});
