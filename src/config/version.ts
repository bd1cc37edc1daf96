/** Luna's own version, from package.json. */
import { version } from "../../package.json" with { type: "json" };

export const VERSION: string = version;
