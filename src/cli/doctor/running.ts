/** Says whether Luna runs, and whether it answers. */
import { type Check, ok } from "./check.ts";

export const runningCheck: Check = {
  id: "running",
  run: async ({ supervisor, isHeld }) => {
    if (supervisor === undefined) {
      return ok(isHeld ? "Luna is just starting" : "Luna does not run", isHeld ? "" : "luna up");
    }
    const { pid } = supervisor;
    const overview = await supervisor.overview();
    if (overview === undefined) {
      return {
        status: "fail",
        title: `Luna's supervisor (pid ${pid}) does not answer`,
        detail: "",
        fix: "luna down && luna up",
      };
    }
    const { problems, phase } = overview;
    if (problems.length === 0) return ok(`Luna is ${phase}`, overview.public_url);
    return {
      status: problems.some(({ severity }) => severity === "error") ? "fail" : "warn",
      title: `Luna runs with ${problems.length === 1 ? "a problem" : `${problems.length} problems`}`,
      detail: problems.map(({ title, fix }) => `${title}\n  ${fix}`).join("\n"),
      fix: "luna status",
    };
  },
};
