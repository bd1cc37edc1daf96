/** Tests of which names a key may have. */
import { expect, test } from "bun:test";
import { isWithheldName, nameRefusal } from "./key-rules.ts";

test.each([
  "PATH",
  "HOME",
  "SHELL",
  "LD_PRELOAD",
  "DYLD_INSERT_LIBRARIES",
  "NODE_OPTIONS",
  "NODE_EXTRA_CA_CERTS",
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  "PYTHONPATH",
  "PYTHONWARNINGS",
  "GIT_SSH_COMMAND",
  "DOCKER_HOST",
  "BASH_ENV",
  "ENV",
  "IFS",
  "HTTP_PROXY",
  "https_proxy",
  "no_proxy",
  "LUNA_HOME",
  "LUNA_PROCESS_ID",
  "NOTIFY_SOCKET",
  "SSL_CERT_FILE",
  "GCONV_PATH",
  "PERL5OPT",
  "RUBYOPT",
  "JAVA_TOOL_OPTIONS",
  "XDG_CONFIG_HOME",
])("%s is withheld", (name) => {
  expect(isWithheldName(name)).toBe(true);
  expect(nameRefusal(name)).toContain("how programs run");
});

test.each([
  "OPENAI_API_KEY",
  "DB_PASSWORD",
  "PATHFINDER_KEY",
  "GITHUB_CLIENT_SECRET",
  "LUNA_PORT_OFFSET",
  "ENVOY",
  "HOMEASSISTANT_TOKEN",
  "AWS_SECRET_ACCESS_KEY",
])("%s may be set", (name) => {
  expect(isWithheldName(name)).toBe(false);
  expect(nameRefusal(name)).toBeUndefined();
});

test.each([
  ["LUNA_SECRET", "for itself"],
  ["SUPERVISOR_API_TOKEN", "for itself"],
  ["AGENT_API_KEY", "API keys"],
  ["", "must be A-Z"],
  ["a b", "must be A-Z"],
  ["1A", "must be A-Z"],
  ["A\nB", "must be A-Z"],
  ["A=B", "must be A-Z"],
  ["__proto__", "must be A-Z"],
  ["X".repeat(129), "must be A-Z"],
])("%j is refused", (name, why) => {
  expect(nameRefusal(name)).toContain(why);
});
