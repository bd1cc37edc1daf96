/** Commands of external services, filled with what somebody may type into a form, before a real shell. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's.
import { expect, test } from "bun:test";
import fc from "fast-check";
import { fillCommand } from "../../src/external-services/template.ts";

const RUNS = 150;
const TIMEOUT_MS = 60_000;
const SHELLS = ["sh", "bash", "dash"].flatMap((name) => Bun.which(name) ?? []);

/** Each placeholder in its surroundings, and the word that has to come of it. */
const PLACES: readonly [text: string, word: (value: string) => string][] = [
  ["{{v}}", (value) => value],
  ['"{{v}}"', (value) => value],
  ["'{{v}}'", (value) => value],
  ["--flag={{v}}", (value) => `--flag=${value}`],
  ['"--flag={{ V }}"', (value) => `--flag=${value}`],
  ["a'b {{v}} c'd", (value) => `ab ${value} cd`],
  ['a"b {{v}} c"d', (value) => `ab ${value} cd`],
  ["{{v}}{{v}}", (value) => value + value],
  ["{{v}}:80", (value) => `${value}:80`],
  ['x\\"{{v}}\\"', (value) => `x"${value}"`],
  ['"it\'s {{v}}"', (value) => `it's ${value}`],
  ["'\"{{v}}\"'", (value) => `"${value}"`],
  ['"$(printf %s {{v}}; printf .)"', (value) => `${value}.`],
  ['"$(printf %s "{{v}}"; printf .)"', (value) => `${value}.`],
  ["\"$(printf %s '{{v}}'; printf .)\"", (value) => `${value}.`],
  ['"`printf %s {{v}}`."', (value) => `${value.replace(/\n+$/, "")}.`],
  ['"${NOTHING:-{{v}}}"', (value) => value],
  ["{v}", () => "{v}"],
  ["'{{.State.Running}}'", () => "{{.State.Running}}"],
];

const NASTY = [
  ...["'", '"', "`id`", "$(id)", "${HOME}", "$HOME", "\\", "\\1", "\\n", "\n", "\t", " ", "*", "~"],
  ...[";", "|", "&", "&&", "<", ">", "(", ")", "{", "}", "[", "#", "!", "$'", '$"', "${", "$((1))"],
  ...["{{v}}", "{port}", "$&", "$1", "--", "-e", "=", "%s", "é", "\u2028", "\x07", "'; touch x; '"],
];
const value = fc.oneof(
  fc.string({ unit: "binary" }).filter((text) => !text.includes("\0") && text.isWellFormed()),
  fc
    .array(fc.constantFrom(...NASTY), { minLength: 1, maxLength: 8 })
    .map((parts) => parts.join("")),
);
const place = fc.constantFrom(...PLACES);

/** The words that a program is given by the command. */
function wordsOf(shell: string, template: string, given: string): string[] {
  const { text, environment } = fillCommand(template, new Map([["v", given]]), "it");
  expect(text).not.toContain("LUNA_VALUE_v}v");
  const { stdout, stderr, exitCode } = Bun.spawnSync([shell, "-c", text], {
    env: { PATH: "/usr/bin:/bin", ...environment },
    cwd: "/",
  });
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  return stdout.toString().split("\0").slice(0, -1);
}

test.each(SHELLS)(
  "S12, S13, CVE-2025-64419, CVE-2025-59156, CVE-2025-66213, CVE-2025-34159 no value becomes text that %s reads",
  (shell) => {
    const property = fc.property(
      fc.array(place, { minLength: 1, maxLength: 6 }),
      value,
      (places, given) => {
        const template = `# it's a comment {{v}}\nprintf '%s\\0' ${places.map(([text]) => text).join(" ")}`;
        expect(wordsOf(shell, template, given)).toEqual(places.map(([, word]) => word(given)));
      },
    );
    fc.assert(property, { numRuns: RUNS });
  },
  TIMEOUT_MS,
);

test("CVE-2025-59157, CVE-2025-64424, CVE-2025-34161, CVE-2026-34038, CVE-2026-34168 nor text that a shell within the command reads", () => {
  const templates = [
    "sh -c 'git clone {{v}}'",
    'docker exec x sh -c "git clone {{v}}"',
    "eval git clone {{v}}",
    "echo git clone {{v}} | sh",
  ];
  for (const template of templates) {
    for (const given of NASTY.filter((text) => /[^\w./:@%+,=-]/.test(text))) {
      expect(() => fillCommand(template, new Map([["v", given]]), "it")).toThrow(/program text/);
    }
    const fine = new Map([["v", "https://example.com/a/b.git"]]);
    expect(fillCommand(template, fine, "it").environment).not.toEqual({});
  }
});

test("a value that was put in as it is would be seen", () => {
  const raw = (given: string) => Bun.spawnSync(["sh", "-c", `printf '%s\\0' ${given}`]).stdout;
  expect(raw("$(echo ran)").toString()).toBe("ran\0");
});
