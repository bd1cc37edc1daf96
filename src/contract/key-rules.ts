/** Which names `.env` may hold for others: the one list of those that are kept from every process. */
import { KeyName } from "./names.ts";

/** Keys that Luna makes for itself; with one of these a program could pass for Luna. */
const OWN_KEYS = ["LUNA_SECRET", "SUPERVISOR_API_TOKEN", "AGENT_API_KEY"] as const;

/**
 * Names that change what a program runs, loads, trusts or talks to rather than what it does, and those that
 * Luna itself gives to its processes. Some programs read them in small letters too.
 */
const OF_PROGRAMS = new RegExp(
  `^(?:${[
    // Luna, the runtimes and their package managers.
    "LUNA_.*|BUN_.*|NODE_.*|NPM_.*|DENO_.*|PYTHON.*|PERL5.*|PERLLIB|RUBY.*|LUA_.*|CLASSPATH",
    "JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|GODEBUG|GOTRACEBACK|DOTNET_.*",
    // The loader, the C library and the shell.
    "LD_.*|DYLD_.*|GLIBC_.*|MALLOC_.*|GCONV_PATH|LOCPATH|NLSPATH|LOCALDOMAIN|RES_OPTIONS|HOSTALIASES",
    "PATH|HOME|USER|LOGNAME|SHELL|PWD|OLDPWD|TMPDIR|TMP|TEMP|TZ|TZDIR|LANG|LANGUAGE|LC_.*|TERM|XDG_.*",
    "ENV|IFS|BASH_.*|BASHOPTS|SHELLOPTS|CDPATH|GLOBIGNORE|PS[0-4]|PROMPT_COMMAND|ZDOTDIR",
    "EDITOR|VISUAL|PAGER|BROWSER",
    // Programs that programs call, whom they trust, and the way they go.
    "GIT_.*|DOCKER_.*|COMPOSE_.*|SSH_(?:ASKPASS|AUTH_SOCK|CLIENT|CONNECTION|TTY)|CADDYPATH",
    "SSL_CERT_(?:FILE|DIR)|CURL_.*|REQUESTS_CA_BUNDLE|OPENSSL_.*|GNUTLS_.*",
    "(?:HTTPS?|FTP|ALL|NO)_PROXY|REQUEST_METHOD",
    // The service manager.
    "NOTIFY_SOCKET|WATCHDOG_.*|LISTEN_.*|FDSTORE|SYSTEMD_.*|JOURNAL_STREAM|INVOCATION_ID|MAINPID|CREDENTIALS_DIRECTORY",
  ].join("|")})$`,
  "i",
);

/** The one of Luna's own settings that may stand in `.env`. */
const ALLOWED: ReadonlySet<string> = new Set(["LUNA_PORT_OFFSET"]);

export function isOwnKey(name: string): boolean {
  return OWN_KEYS.some((own) => own === name);
}

/** Whether no process may get a variable of this name from `.env`. */
export function isWithheldName(name: string): boolean {
  return OF_PROGRAMS.test(name) && !isOwnKey(name) && !ALLOWED.has(name);
}

/** Why nobody may set a key of this name by hand, as the second half of a sentence; undefined when anybody may. */
export function nameRefusal(name: string): string | undefined {
  if (name === "AGENT_API_KEY") {
    return 'Luna makes it; get a new one on the Hub\'s page "Keys & secrets", under API keys';
  }
  if (isOwnKey(name)) return "Luna makes it for itself, and nobody else may know it";
  if (isWithheldName(name)) {
    return "it changes how programs run, so Luna gives it to none; choose another name";
  }
  const shape = KeyName.safeParse(name);
  return shape.success ? undefined : `a key's name ${shape.error.issues[0]?.message}`;
}
