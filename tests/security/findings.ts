/** Weaknesses that hubs like Luna have had: each has a test that names it, or waits for the part of Luna that it is about. */

/**
 * S1–S25 and A4 are faults of self-hosted hubs of this kind; 3.4-1 to 3.4-9 were measured on the programs Luna is made of;
 * the rest are published ones of its peers.
 */
export const FINDINGS: readonly string[] = [
  ...Array.from({ length: 25 }, (_, at) => `S${at + 1}`),
  "A4",
  ...Array.from({ length: 9 }, (_, at) => `3.4-${at + 1}`),
  ..."CVE-2026-27124 CVE-2025-69196 CVE-2026-54030 CVE-2026-104850 CVE-2025-66414 CVE-2025-66416".split(
    " ",
  ),
  ..."CVE-2026-25536 CVE-2025-49596 CVE-2025-6514 CVE-2026-51997 CVE-2026-14537 CVE-2026-79748".split(
    " ",
  ),
  ..."CVE-2026-22252 CVE-2026-30623 CVE-2026-42271 CVE-2026-45018 CVE-2025-59528 CVE-2025-71336".split(
    " ",
  ),
  ..."CVE-2026-56274 CVE-2026-73601 CVE-2026-91931 CVE-2026-91932 CVE-2025-71334 CVE-2026-21858".split(
    " ",
  ),
  ..."CVE-2025-68613 CVE-2025-64419 CVE-2025-59156 CVE-2025-59157 CVE-2025-64424 CVE-2025-66213".split(
    " ",
  ),
  ..."CVE-2025-34159 CVE-2025-34161 CVE-2026-34038 CVE-2026-34168 CVE-2026-42208 CVE-2026-49468".split(
    " ",
  ),
  ..."CVE-2026-114612 CVE-2026-42203 CVE-2026-70486 CVE-2026-44549 CVE-2026-59216 CVE-2026-45400".split(
    " ",
  ),
  ..."CVE-2026-45401 CVE-2026-54020 CVE-2026-70485 CVE-2026-32625 CVE-2023-27482 CVE-2026-34205".split(
    " ",
  ),
  ..."CVE-2025-68664 CVE-2025-68665 CVE-2026-30851 GO-2026-5346 GO-2026-6874 CVE-2025-5891".split(
    " ",
  ),
  ..."CVE-2026-56876 CVE-2026-76845 CVE-2026-53486 GHSA-97rm-xj73-33jh GHSA-qwp8-x4ff-5h87".split(
    " ",
  ),
  "CVE-2025-8022",
];

interface Waiting {
  findings: readonly string[];
  /** The part of Luna that is not there yet; when it comes, so do the tests. */
  part: string;
  why: string;
}

export const WAITING: readonly Waiting[] = [
  {
    findings: ["S4"],
    part: "a demo mode",
    why: "there is no mode in which somebody may look at all without being the owner",
  },
  {
    findings: ["S19"],
    part: "remote MCP servers",
    why: "Luna connects to no MCP server",
  },
  {
    findings: [
      ...["CVE-2026-79748", "CVE-2026-22252", "CVE-2026-30623", "CVE-2026-42271", "CVE-2026-45018"],
      ...["CVE-2025-59528", "CVE-2026-56274", "CVE-2026-73601", "CVE-2026-91931", "CVE-2026-91932"],
    ],
    part: "MCP servers over stdio",
    why: "no command of a client's is ever run",
  },
];
