/** What a named server offers: kept while nothing changes, with instructions of a bounded length. */
import { expect, test } from "bun:test";
import { catalogueOf } from "../../../tests/support/tool-source.ts";
import { ALL_SCOPES } from "../../api-keys/scopes.ts";
import { MasterConfig } from "../../contract/config.ts";
import { Offers } from "./offer.ts";
import type { Catalogue } from "./tool-source.ts";

const CONFIG = MasterConfig.parse({
  mcp_servers: {
    work: {
      name: "work",
      key_hash: "0".repeat(64),
      key_hint: "0000",
      created_at: "2026-01-01T00:00:00.000Z",
      tool_config: { b_one: { enabled_in_mcp: false }, a_two: { enabled_in_mcp: true } },
    },
  },
});
const [SERVER] = Object.values(CONFIG.mcp_servers);
if (SERVER === undefined) throw new Error("the server was just made");

function catalogue(prompt: string): Catalogue {
  return catalogueOf({
    tools: ["a_one", "a_two", "b_one"].map((name) => ({
      name,
      description: name,
      input_schema: { type: "object" },
      extension: name.slice(0, 1),
    })),
    system_prompts: [
      { extension: "a", text: prompt },
      { extension: "b", text: "of an extension without a tool here" },
    ],
  });
}

test("an offer is made once, and again when the catalogue or the configuration changed", () => {
  const offers = new Offers();
  const subject = { config: CONFIG, server: SERVER, catalogue: catalogue("x"), scopes: ALL_SCOPES };
  const offer = offers.of(subject);
  expect([...offer.places.keys()]).toEqual(["a_one", "a_two"]);
  expect(offers.of(subject)).toBe(offer);
  expect(offers.of({ ...subject, catalogue: catalogue("x") })).not.toBe(offer);
  const server = { ...SERVER, tool_config: {} };
  expect([...offers.of({ ...subject, server }).places.keys()]).toEqual(["a_one", "a_two", "b_one"]);
});

test("instructions are those of the offered extensions, cut when they are long", () => {
  const instructions = (prompt: string) =>
    new Offers().of({
      config: CONFIG,
      server: SERVER,
      catalogue: catalogue(prompt),
      scopes: ALL_SCOPES,
    }).instructions;
  expect(instructions(" Be brief.\n")).toBe("# a\nBe brief.");
  expect(instructions("  ")).toBeUndefined();
  const long = instructions("word ".repeat(10_000)) ?? "";
  expect(long).toHaveLength(8_000);
  expect(long).toEndWith("\n[cut]");
});
