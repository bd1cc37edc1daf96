/** Tests of what becomes of placeholders; that no value is ever read by a shell is tested with one, in tests/security. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's.
import { describe, expect, test } from "bun:test";
import { fillCommand, fillText, placeholdersIn } from "./template.ts";

const VALUES = new Map([
  ["port", "8080"],
  ["password", 'a b"$(id)\\1'],
  ["empty", ""],
]);
const fill = (template: string) => fillCommand(template, VALUES, 'the start command of "x"');

test.each([
  ["run {{port}}", 'run "${LUNA_VALUE_port}"'],
  ["run {{ PORT }}", 'run "${LUNA_VALUE_port}"'],
  ['run "{{password}}"', 'run "${LUNA_VALUE_password}"'],
  ["run '{{password}}'", "run ''\"${LUNA_VALUE_password}\"''"],
  ["run -p {{port}}:80", 'run -p "${LUNA_VALUE_port}":80'],
  ["run -p 127.0.0.1:{port}:80", 'run -p 127.0.0.1:"${LUNA_VALUE_port}":80'],
  ['run "$(cat {{port}})"', 'run "$(cat "${LUNA_VALUE_port}")"'],
  ["run `cat {{port}}` {{port}}", 'run `cat "${LUNA_VALUE_port}"` "${LUNA_VALUE_port}"'],
  ['run "${X:-{{port}}}"', 'run "${X:-${LUNA_VALUE_port}}"'],
  ["run $((1 + {{port}}))", "run $((1 + ${LUNA_VALUE_port}))"],
  ["# it's\nrun {{port}}", '# it\'s\nrun "${LUNA_VALUE_port}"'],
  ["run a#'{{port}}'", "run a#''\"${LUNA_VALUE_port}\"''"],
  ['run \\"{{port}}', 'run \\""${LUNA_VALUE_port}"'],
  [
    "(run {{port}}; run '{{port}}')",
    "(run \"${LUNA_VALUE_port}\"; run ''\"${LUNA_VALUE_port}\"'')",
  ],
  ["run {{empty}}", 'run "${LUNA_VALUE_empty}"'],
  ["run ${port} {port}", 'run ${port} "${LUNA_VALUE_port}"'],
])("%s", (template, text) => {
  expect(fill(template).text).toBe(text);
});

test.each([
  "docker inspect --format '{{.State.Running}}' x",
  "docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}' x",
  "docker ps --format '{{json .}}'",
  "echo {config_file} {working_dir}",
])("%s stays as it is", (template) => {
  expect(fill(template)).toEqual({ text: template, environment: {} });
});

test("only what is used is handed on, and the text holds no value", () => {
  const { text, environment } = fill("run {{password}}");
  expect(environment).toEqual({ LUNA_VALUE_password: 'a b"$(id)\\1' });
  expect(text).not.toContain("id");
});

test("what is missing is named, all of it", () => {
  expect(() => fill("run {{one}} {{port}} {{Two}} {{one}}")).toThrow(
    "missing required configuration: one, two",
  );
});

describe("where another program reads the value as program text", () => {
  test.each([
    'sh -c "echo {{password}}"',
    "docker exec x bash -lc 'psql {{password}}'",
    "eval {{password}}",
    "ssh host echo {{password}}",
    "echo {{password}} | sh",
    "echo {{password}} | sudo /bin/bash",
    "perl -i -pe 's/x/{{password}}/' file",
    "sed -i s/x/{{password}}/ file",
    "echo A={{password}} > f; . ./f",
    "psql -c 'create role {{password}}'",
    "echo $((1 + {{password}}))",
  ])("%s takes harmless values alone", (template) => {
    expect(() => fill(template)).toThrow(/Cannot use this value of "password"/);
    expect(() => fill(template)).not.toThrow(/id/);
    expect(fill(template.replace("password", "port")).environment).toEqual({
      LUNA_VALUE_port: "8080",
    });
  });

  test.each([
    "docker run -e A={{password}} image",
    "curl -fsS {{password}}",
    "tar -xzf {{password}}",
  ])("%s does not", (template) => {
    expect(fill(template).environment).toEqual({ LUNA_VALUE_password: 'a b"$(id)\\1' });
  });
});

test("a here-document has no placeholders", () => {
  expect(() => fill("cat <<EOF\n{{port}}\nEOF")).toThrow(/here-document/);
  expect(fill("echo {{port}}; cat <<EOF\nx\nEOF").text).toContain("LUNA_VALUE_port");
});

test("text for .env is filled as it is, and what is not known is left out", () => {
  expect(fillText("a{{ password }}b{{PORT}}c{{nothing here}}d", VALUES)).toBe(
    'aa b"$(id)\\1b8080cd',
  );
});

test("the placeholders of a command", () => {
  expect(placeholdersIn("{{a}} {{ B }} {{a}} {{.State}} {{else}} {{end}}")).toEqual(["a", "b"]);
});
