/** Tests of what the variables of GitHub's sign-in mean together. */
import { describe, expect, test } from "bun:test";
import { githubConfiguration } from "./github.ts";

const APP = { GITHUB_CLIENT_ID: "id", GITHUB_CLIENT_SECRET: "secret" };
const OWNER = { ALLOWED_GITHUB_USERNAME: "octocat" };

function settingsOf(variables: Record<string, string>) {
  const configuration = githubConfiguration({ ...APP, ...OWNER, ...variables }, "custom_domain");
  if (configuration.state !== "on") throw new Error(JSON.stringify(configuration));
  return configuration.settings;
}

test("without an application it is off, whoever is allowed", () => {
  expect(githubConfiguration({}, "custom_domain")).toEqual({ state: "off" });
  expect(githubConfiguration(OWNER, "local")).toEqual({ state: "off" });
  expect(githubConfiguration({ GITHUB_CLIENT_ID: " " }, "local")).toEqual({ state: "off" });
});

describe("addresses", () => {
  const CASES: [what: string, given: Record<string, string>, url: string, apiUrl: string][] = [
    ["GitHub's own", {}, "https://github.com", "https://api.github.com"],
    [
      "its own spelled out",
      { GITHUB_URL: "https://github.com/" },
      "https://github.com",
      "https://api.github.com",
    ],
    [
      "an Enterprise Server",
      { GITHUB_URL: "https://git.example.com" },
      "https://git.example.com",
      "https://git.example.com/api/v3",
    ],
    [
      "data residency",
      { GITHUB_URL: "https://octocorp.ghe.com" },
      "https://octocorp.ghe.com",
      "https://api.octocorp.ghe.com",
    ],
    [
      "both spelled out",
      { GITHUB_URL: "http://127.0.0.1:81/git/", GITHUB_API_URL: "http://localhost:82/" },
      "http://127.0.0.1:81/git",
      "http://localhost:82",
    ],
  ];
  for (const [what, given, url, apiUrl] of CASES) {
    test(`of ${what}`, () => expect(settingsOf(given)).toMatchObject({ url, apiUrl }));
  }
  for (const wrong of [
    "http://github.com",
    "github.com",
    "https://a@b.com",
    "https://x.com/?q",
    "ftp://x",
  ]) {
    test(`"${wrong}" is refused: the secret would go there`, () => {
      for (const name of ["GITHUB_URL", "GITHUB_API_URL"]) {
        expect(githubConfiguration({ ...APP, ...OWNER, [name]: wrong }, "local")).toMatchObject({
          state: "refused",
          reason: "incomplete",
          problem: `${name} is not an https:// address without a query`,
        });
      }
    });
  }
});

describe("names", () => {
  const LISTS: [text: string, names: string[]][] = [
    ["octocat", ["octocat"]],
    [" OctoCat , @Hubot,,", ["octocat", "hubot"]],
    ["mona_octocorp", ["mona_octocorp"]],
  ];
  for (const [text, names] of LISTS) {
    test(`"${text}"`, () => {
      expect(settingsOf({ ALLOWED_GITHUB_USERNAME: text }).allowed).toEqual(new Set(names));
    });
  }
  for (const wrong of ["*", "octo cat", "-octocat", "octocat;hubot", "octocat@example.com"]) {
    test(`"${wrong}" is no list of names, and lets nobody in`, () => {
      const given = { ...APP, ALLOWED_GITHUB_USERNAME: wrong };
      expect(githubConfiguration(given, "local")).toMatchObject({
        state: "refused",
        reason: "incomplete",
      });
    });
  }
});

test("half an application says which half is missing", () => {
  for (const [given, missing] of [
    ["GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET"],
    ["GITHUB_CLIENT_SECRET", "GITHUB_CLIENT_ID"],
  ] as const) {
    expect(githubConfiguration({ [given]: "x", ...OWNER }, "local")).toMatchObject({
      state: "refused",
      reason: "incomplete",
      problem: `${given} is set, ${missing} is not`,
    });
  }
});

test("without names every public mode refuses, and local takes the first who comes", () => {
  for (const mode of ["ngrok", "nip_io", "custom_domain"] as const) {
    for (const names of ["", " , "]) {
      const given = { ...APP, ALLOWED_GITHUB_USERNAME: names };
      expect(githubConfiguration(given, mode)).toMatchObject({
        state: "refused",
        reason: "unrestricted",
      });
    }
  }
  const local = githubConfiguration(APP, "local");
  expect(local.state === "on" && local.settings.allowed).toBeUndefined();
});
