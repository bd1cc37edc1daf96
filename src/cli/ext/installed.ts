/** The extensions of the running Luna. */
import { ExtensionList, type ExtensionView } from "../../contract/extension.ts";
import type { Control } from "../control.ts";

export async function installed(control: Control): Promise<ExtensionView[]> {
  return (await control.ask("/extensions", ExtensionList)).extensions;
}
