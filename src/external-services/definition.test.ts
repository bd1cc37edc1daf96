/** Tests of what a definition may be, and of the two ways to write it. */
import { describe, expect, test } from "bun:test";
import { ServiceRoutesFile } from "../contract/external-service.ts";
import { BUNDLED_SERVICES } from "./bundled.ts";
import { fillForm, maskedConfig, secretsIn, uiPort } from "./config-form.ts";
import { notesOf, parseDefinition, usesDocker } from "./definition.ts";
import { uiRouteOf } from "./ui-route.ts";

const COMMON = {
  name: "grocy",
  display_name: "Grocy",
  description: "Groceries",
  category: "home",
  health_check_expected: "true",
};
const commands = { install: "a", start: "b", stop: "c", health_check: "d" };

describe("how it is written", () => {
  test("the older form has the same meaning", () => {
    const old = parseDefinition({
      ...{ ...COMMON, install_cmd: "a", start_cmd: "b", stop_cmd: "c", health_check_cmd: "d" },
      config_form: [{ name: "port", type: "number", default: 80 }],
    });
    const now = parseDefinition({
      ...{ ...COMMON, commands },
      config_form: { fields: [{ name: "port", type: "number", default: 80 }] },
    });
    expect(old.commands).toEqual(now.commands);
    expect(old.config_form).toEqual(now.config_form);
  });

  test("with both, commands win; a number is compared as text; what is not known is kept", () => {
    const both = { ...COMMON, commands, start_cmd: "old", health_check_expected: 0, tags: ["x"] };
    const definition = parseDefinition(both);
    expect(definition.commands.start).toBe("b");
    expect(definition.health_check_expected).toBe("0");
    expect(definition["tags"]).toEqual(["x"]);
    expect(definition.restart_on_failure).toBe(true);
    expect(definition.install_timeout).toBe(120);
  });

  test("published ports are kept on this machine, unless it asks for more", () => {
    const open = { ...commands, start: "docker run -p 80:80 x" };
    expect(parseDefinition({ ...COMMON, commands: open }).commands.start).toContain(
      "127.0.0.1:80:80",
    );
    const exposed = parseDefinition({ ...COMMON, commands: open, expose_ports: true });
    expect(exposed.commands.start).toBe(open.start);
    expect(notesOf(exposed)).toEqual([expect.stringContaining("The start command publishes")]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["name", { name: "../extensions/x" }],
    ["name", { name: "upload" }],
    ["name", { name: "Grocy" }],
    ["commands.start", { commands: { install: "a" } }],
    ["health_check_expected", { health_check_expected: undefined }],
    ["must have commands", { commands: undefined }],
    ["must have either port or port_field", { ui: {} }],
    ["must have either port or port_field", { ui: { port: 1, port_field: "port" } }],
    ["ui.port", { ui: { port: 70_000 } }],
    ["provides_vars[0]", { provides_vars: ["LD_PRELOAD"] }],
    ["provides_vars[0]", { provides_vars: ["LUNA_SECRET"] }],
    ["provides_vars[0]", { provides_vars: ["a b"] }],
    ["config_form", { config_form: [{ name: "a b" }] }],
    ["config_form", { config_form: [{ name: "a", type: "colour" }] }],
  ])("%s is told when it is wrong", (field, wrong) => {
    expect(() => parseDefinition({ ...COMMON, commands, ...wrong })).toThrow(field);
  });
});

describe("its form", () => {
  const definition = parseDefinition({
    ...{ ...COMMON, commands: { ...commands, start: "run {{extra}}" }, ui: { port_field: "port" } },
    config_form: [
      { name: "port", type: "number", default: 9283 },
      { name: "password", type: "password" },
      { name: "mode", type: "select", options: ["a", "b"], default: "a" },
      { name: "loud", type: "checkbox" },
      { name: "note", required: false },
    ],
  });
  const password = 'p"$(id)';

  test("is filled in where nothing was given", () => {
    const config = fillForm(definition, { password });
    expect(config).toEqual({ port: 9283, password, mode: "a", loud: false, note: "" });
    expect(uiPort(definition, config)).toBe(9283);
  });

  test("keeps what an earlier installation had, above all a password that was only shown as dots", () => {
    const stored = { port: 1, password, mode: "b", loud: true, installed_at: "x" };
    const config = fillForm(definition, { password: "••••••••", port: 2 }, stored);
    expect(config).toEqual({ port: 2, password, mode: "b", loud: true, note: "" });
  });

  test("takes what has no field and is used", () => {
    expect(fillForm(definition, { password, extra: "x" })).toMatchObject({ extra: "x" });
  });

  test.each<[string, Record<string, string | number | boolean | null>]>([
    ["password: is required", {}],
    ["password: is required", { password: "" }],
    ["port: should be a number", { password, port: "x" }],
    ["port: should be a port", { password, port: 0 }],
    ["port: should be a port", { password, port: 1.5 }],
    ["mode: should be one of a, b", { password, mode: "c" }],
    ["loud: should be true or false", { password, loud: "yes" }],
    ["unused: is not in the form", { password, unused: "x" }],
    ["note: its value has a NUL", { password, note: "a\0b" }],
    ["PORT: is given twice", { password, PORT: "1" }],
  ])("%s", (message, given) => {
    expect(() => fillForm(definition, given)).toThrow(message);
    expect(() => fillForm(definition, given)).not.toThrow(password);
  });

  test("shows no password", () => {
    const config = fillForm(definition, { password });
    expect(maskedConfig(definition, config)).toMatchObject({ password: "••••••••", port: 9283 });
    expect(secretsIn(definition, config)).toEqual([password]);
  });
});

test("the path of its UI is one of a kind, and what the definition says", () => {
  const now = new Date().toISOString();
  const with_ui = (name: string, slug?: string) =>
    parseDefinition({ ...COMMON, name, commands, ui: { port: 80, slug, base_path: "a/b" } });
  const first = uiRouteOf(with_ui("one", "My App!"), { config: {}, registry: {}, now });
  expect(first).toMatchObject({
    path: "/ext_service/my-app",
    path_with_slash: "/ext_service/my-app/",
  });
  expect(ServiceRoutesFile.parse({ one: first })["one"]).toEqual(first);
  const entry = {
    ...{ installed: true, installed_at: now, install_error: null, enabled: false },
    ...{ status: "running" as const, should_run: true, config_path: "", log_path: "" },
    ...{ last_health_check: null, provided: [] },
  };
  const registry = { one: { ...entry, ...(first === undefined ? {} : { ui: first }) } };
  const second = uiRouteOf(with_ui("two", "--my_app--"), { config: {}, registry, now });
  expect(second?.slug).toBe("my-app-2");
  expect(uiRouteOf(with_ui("one", "my app"), { config: {}, registry, now })?.slug).toBe("my-app");
  expect(uiRouteOf(with_ui("three", "…"), { config: {}, registry, now })?.slug).toBe("service");
});

test("what comes with Luna is whole, keeps to this machine, and shows no password to others", () => {
  expect(BUNDLED_SERVICES.length).toBeGreaterThan(1);
  for (const written of BUNDLED_SERVICES) {
    const definition = parseDefinition(written);
    expect(usesDocker(definition)).toBe(true);
    expect(notesOf(definition)).toEqual([]);
    expect(definition.commands).toEqual(
      parseDefinition({ ...Object(written), expose_ports: true }).commands,
    );
    const asks = definition.config_form.fields.some(({ name }) => name === "password");
    expect(fillForm(definition, asks ? { password: "x" } : {})).toBeObject();
  }
});
