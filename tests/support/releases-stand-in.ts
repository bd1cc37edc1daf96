/** A stand-in for the releases of a GitHub repository: the API's answer, the program and its checksums. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface ReleasesStandIn {
  apiUrl: string;
  /** What the newest release is from now on. */
  publish(version: string, program: string): void;
  /** What the checksums say in place of the truth. */
  checksum: string | undefined;
  /** The program's body ends after so many bytes. */
  cutAt: number | undefined;
  stop(): Promise<void>;
}

const ASSET = `luna-${process.platform}-${process.arch}`;
const REPOSITORY = "/repos/luna/luna/releases/";

export function startReleases(): ReleasesStandIn {
  const versions: { version: string; program: string }[] = [];
  const find = (path: string) => {
    const tag = path.slice(REPOSITORY.length);
    return tag === "latest"
      ? versions.at(-1)
      : versions.find(({ version }) => tag === `tags/v${version}`);
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      const { pathname, origin } = new URL(url);
      if (pathname.startsWith(REPOSITORY)) {
        const found = find(pathname);
        if (found === undefined) return Response.json({ message: "Not Found" }, { status: 404 });
        const asset = (name: string) => ({
          name,
          browser_download_url: `${origin}/files/${found.version}/${name}`,
        });
        return Response.json({
          ...{ tag_name: `v${found.version}`, body: "What is new", published_at: null },
          assets: [asset(ASSET), asset("SHA256SUMS")],
        });
      }
      const [, , version, name] = pathname.split("/");
      const found = versions.find((one) => one.version === version);
      if (found === undefined) return new Response("Not Found", { status: 404 });
      const bytes = readFileSync(found.program);
      if (name === ASSET) return new Response(bytes.subarray(0, releases.cutAt));
      const sum = releases.checksum ?? createHash("sha256").update(bytes).digest("hex");
      return new Response(`${"0".repeat(64)}  luna-other\n${sum}  ${ASSET}\n`);
    },
  });
  const releases: ReleasesStandIn = {
    apiUrl: server.url.origin,
    publish: (version, program) => void versions.push({ version, program }),
    ...{ checksum: undefined, cutAt: undefined },
    stop: () => server.stop(true),
  };
  return releases;
}

/** `owner/name` of the repository that it stands in for. */
export const RELEASES_REPOSITORY = "luna/luna";
