/** Sources as people write them. */
import { describe, expect, test } from "bun:test";
import { parseSource, SourceText, sourceText } from "./source.ts";

describe("what a source means", () => {
  const github = { kind: "github", owner: "user", repo: "repo" } as const;
  test.each([
    ["", { kind: "local" }],
    ["local", { kind: "local" }],
    [" local#reinstall-17 ", { kind: "local" }],
    ["github:user/repo", github],
    ["github:user/repo.git", github],
    ["github:user/repo#update-1.2", github],
    ["github:user/repo@main", { ...github, ref: "main" }],
    ["github:user/repo@feature/x-1", { ...github, ref: "feature/x-1" }],
    ["github:user/repo@@scope/pkg@1.0.0+build", { ...github, ref: "@scope/pkg@1.0.0+build" }],
    ["github:user/repo:ext/one", { ...github, path: "ext/one" }],
    ["github:user/repo:ext/one/", { ...github, path: "ext/one" }],
    ["github:user/repo@v1.0.0:ext/my notes", { ...github, ref: "v1.0.0", path: "ext/my notes" }],
    ["github:user_corp/re.po-x_y", { kind: "github", owner: "user_corp", repo: "re.po-x_y" }],
    ["upload:0199-ab.zip", { kind: "upload", file: "0199-ab.zip" }],
    ["upload:0199-ab.tar.gz", { kind: "upload", file: "0199-ab.tar.gz" }],
    ["bundled:notes", { kind: "bundled", name: "notes" }],
  ] as const)("%j", (text, source) => {
    expect(parseSource(text)).toEqual({ source });
    expect(parseSource(sourceText(source))).toEqual({ source });
    expect(SourceText.safeParse(text).success).toBe(true);
  });
});

test.each([
  ["http://github.com/user/repo", "one of github:user/repo"],
  ["git@github.com:user/repo", "one of"],
  ["github", "one of"],
  ["constructor:x", "one of"],
  ["github:", "no repository"],
  ["github:user", "no repository"],
  ["github:user/", "no repository"],
  ["github:user/..", "no repository"],
  ["github:user/.git", "no repository"],
  ["github:../repo", "no repository"],
  ["github:-user/repo", "no repository"],
  ["github:--upload-pack=x/repo", "no repository"],
  ["github:user/repo/more", "no repository"],
  ["github:us er/repo", "no repository"],
  ["github:user/repo?x", "no repository"],
  ["github:user/repo;id", "no repository"],
  ["github:user/$(id)", "no repository"],
  ["github:user/repo@", "no branch"],
  ["github:user/repo@--upload-pack=x", "no branch"],
  ["github:user/repo@a..b", "no branch"],
  ["github:user/repo@../../x", "no branch"],
  ["github:user/repo@a/../b", "no branch"],
  ["github:user/repo@a b", "no branch"],
  ["github:user/repo@a?b", "no branch"],
  ["github:user/repo@a/", "no branch"],
  ["github:user/repo@a%2e", "no branch"],
  ["github:user/repo:", "no folder"],
  ["github:user/repo:..", "no folder"],
  ["github:user/repo:a/../../b", "no folder"],
  ["github:user/repo:/etc", "no folder"],
  ["github:user/repo:a//b", "no folder"],
  ["github:user/repo:a\\b", "no folder"],
  ["github:user/repo:a:b", "no folder"],
  ["github:user/repo:a\u0000", "no folder"],
  ["upload:", "temp_filename"],
  ["upload:../x.zip", "temp_filename"],
  ["upload:/etc/x.zip", "temp_filename"],
  ["upload:x.exe", "temp_filename"],
  ["upload:.zip", "temp_filename"],
  ["bundled:..", "starter's name"],
  ["x".repeat(1001), "too long"],
])("%j is refused", (text, why) => {
  expect(parseSource(text).problem).toContain(why);
  expect(SourceText.safeParse(text).success).toBe(false);
});
