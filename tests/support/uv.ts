/** `uv`, the real one of PyPI, fetched once for the tests that need it. */
import { pythonPackage } from "./python-package.ts";

const VERSION = "0.13.9";

/** The folder that it is in, for PATH. */
export const uvFolder = (): Promise<string> => pythonPackage("uv", VERSION);
