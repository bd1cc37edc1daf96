/** Finds the Caddy program, or gets it: from PATH, from Luna's home, from Debian's package, from its releases. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Environment } from "../config/environment.ts";
import type { Paths } from "../config/paths.ts";
import { InvalidInputError, UnavailableError } from "../lib/errors.ts";
import { explain } from "../lib/explain.ts";
import { installPackage } from "./debian-package.ts";
import { installRelease, RELEASES_URL } from "./release.ts";

/** Only there while systemd is the machine's init. */
const SYSTEMD_MARK = "/run/systemd/system";

const CaddyVariables = z.object({
  PATH: z.string().default(""),
  /** A mirror of the releases, for machines that reach nothing else. */
  LUNA_CADDY_RELEASES: z.url({ protocol: /^https?$/ }).default(RELEASES_URL),
});

/** What a person types where Luna could not do it. */
const COMMANDS: readonly (readonly [string, string])[] = [
  [
    "apt-get",
    "sudo apt-get install -y --no-install-recommends caddy && sudo systemctl disable --now caddy",
  ],
  ["dnf", "sudo dnf install -y caddy"],
  ["apk", "sudo apk add caddy"],
  ["pacman", "sudo pacman -S --noconfirm caddy"],
  ["zypper", "sudo zypper install -y caddy"],
  ["brew", "brew install caddy"],
];

export interface CaddyMachine {
  root: boolean;
  systemd: boolean;
  platform: string;
  arch: string;
}

function thisMachine(): CaddyMachine {
  return {
    root: process.getuid?.() === 0,
    systemd: existsSync(SYSTEMD_MARK),
    platform: process.platform,
    arch: process.arch,
  };
}

export interface CaddyPlace {
  /** `bin` is where a program of Luna's own lies. */
  paths: Pick<Paths, "bin">;
  environment: Pick<Environment, "variables">;
}

export interface CaddyOptions extends CaddyPlace {
  /** Tells the person who waits what takes so long. */
  say: (line: string) => void;
  machine?: CaddyMachine;
}

function settings({ environment }: CaddyPlace): { searchPath: string; releasesUrl: string } {
  const parsed = CaddyVariables.safeParse(environment.variables);
  if (!parsed.success) {
    throw new InvalidInputError(
      `Cannot read LUNA_CADDY_RELEASES: it should be an http(s) address (${explain(parsed.error)})`,
    );
  }
  const { PATH, LUNA_CADDY_RELEASES } = parsed.data;
  return { searchPath: PATH, releasesUrl: LUNA_CADDY_RELEASES.replace(/\/+$/, "") };
}

function find(bin: string, searchPath: string): string | undefined {
  return Bun.which("caddy", { PATH: searchPath }) ?? Bun.which(join(bin, "caddy")) ?? undefined;
}

/** The path of a Caddy program that is there already. */
export function findCaddy(place: CaddyPlace): string | undefined {
  return find(place.paths.bin, settings(place).searchPath);
}

/** The command that installs Caddy on this machine. */
export function installCommand(place: CaddyPlace): string {
  return commandFor(settings(place).searchPath);
}

function commandFor(searchPath: string): string {
  for (const [program, command] of COMMANDS) {
    if (Bun.which(program, { PATH: searchPath }) !== null) return `install it with: ${command}`;
  }
  return 'install it as caddyserver.com/docs/install says for this system, so that "caddy version" works';
}

/**
 * The path of a Caddy program; gets one when there is none, which may take minutes.
 * @throws UnavailableError with the command to run when none can be had
 */
export async function ensureCaddy(options: CaddyOptions): Promise<string> {
  const { say, machine = thisMachine() } = options;
  const { bin } = options.paths;
  const { searchPath, releasesUrl } = settings(options);
  const found = find(bin, searchPath);
  if (found !== undefined) return found;

  const reasons: string[] = [];
  const attempt = async (what: string, run: () => Promise<string | undefined>) => {
    say(`Caddy is not installed; getting it from ${what} …`);
    const why = await run();
    if (why === undefined) return find(bin, searchPath);
    say(`Caddy could not be had from ${what}: ${why}`);
    reasons.push(why);
    return undefined;
  };
  const hasApt = Bun.which("apt-get", { PATH: searchPath }) !== null;
  const program =
    (machine.root && hasApt
      ? await attempt("the system's package", () => installPackage({ searchPath, ...machine }))
      : undefined) ??
    (await attempt("its project's releases", () =>
      installRelease({ releasesUrl, bin, searchPath, ...machine }),
    ));
  if (program !== undefined) return program;
  throw new UnavailableError(
    `Cannot start Caddy, the web server in front of Luna: it is not installed and could not be fetched ` +
      `(${reasons.at(-1)?.split("\n")[0]}); ${commandFor(searchPath)}`,
    { details: { reasons } },
  );
}
