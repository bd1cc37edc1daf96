/** Caddy from Debian's or Ubuntu's own package, without the service that the package would start. */
import { runCommand } from "../lib/command.ts";

const APT_TIMEOUT_MS = 300_000;
const SYSTEMCTL_TIMEOUT_MS = 30_000;
const LOCK_WAIT_SECONDS = 60;
/** The package enables and starts caddy.service, which takes port 80 and the admin port 2019. */
const PACKAGED_UNITS = ["caddy.service", "caddy-api.service"];
/** dpkg needs these, and a service's PATH often lacks them. */
const ADMIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface PackageOptions {
  searchPath: string;
  /** Whether systemd runs here, so whether the package would start anything. */
  systemd: boolean;
}

/**
 * Installs the package. While it is being installed its units are masked in /run, which the package's scripts
 * respect and a reboot forgets; afterwards they are disabled, and nothing else of theirs is touched.
 * @returns undefined when installed, else why not
 */
export async function installPackage(options: PackageOptions): Promise<string | undefined> {
  const { systemd } = options;
  const env = {
    PATH: `${options.searchPath}:${ADMIN_PATH}`,
    DEBIAN_FRONTEND: "noninteractive",
    LC_ALL: "C.UTF-8",
  };
  const systemctl = (...args: string[]) =>
    runCommand({
      command: ["systemctl", ...args, ...PACKAGED_UNITS],
      env,
      timeoutMs: SYSTEMCTL_TIMEOUT_MS,
    });
  const apt = (...args: string[]) =>
    runCommand({
      command: ["apt-get", "-q", "-y", "-o", `DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`, ...args],
      env,
      timeoutMs: APT_TIMEOUT_MS,
    });
  const install = () => apt("install", "--no-install-recommends", "caddy");

  if (systemd) {
    const masked = await systemctl("mask", "--runtime");
    if (!masked.ok) return `its service could not be kept from starting (${masked.why})`;
  }
  try {
    let installed = await install();
    if (!installed.ok) {
      // A new machine has no package lists yet, an old one stale ones.
      await apt("update");
      installed = await install();
    }
    return installed.ok ? undefined : `apt-get install caddy: ${installed.why}`;
  } finally {
    if (systemd) {
      await systemctl("unmask", "--runtime");
      await systemctl("disable");
    }
  }
}
