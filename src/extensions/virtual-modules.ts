/** Gives extensions the modules "luna" and "zod", which exist on no disk beside a compiled Luna. */
import * as zod from "zod";
import * as sdk from "./sdk.ts";

let provided = false;

/**
 * Registers the modules, once a process; call it before the first tool file is imported.
 * One zod for all also lets Luna read the schemas that extensions make.
 */
export function provideVirtualModules(): void {
  if (provided) return;
  provided = true;
  Bun.plugin({
    name: "luna",
    setup(build) {
      build.module("luna", () => ({ exports: { ...sdk }, loader: "object" }));
      build.module("zod", () => ({ exports: { ...zod }, loader: "object" }));
    },
  });
}
