#!/usr/bin/env bun
/** Luna's entry: finds the command in the arguments and loads only that. */
import { UsageError } from "./src/cli/arguments.ts";
import { COMMANDS, helpOf, noSuchCommand } from "./src/cli/commands.ts";
import { readEnvironment } from "./src/config/environment.ts";
import { LunaError } from "./src/lib/errors.ts";

const [name = "help", ...args] = process.argv.slice(2);
const command = COMMANDS.find((one) => one.name === name || one.aliases?.includes(name));

if (command === undefined) {
  process.stderr.write(noSuchCommand(name));
  process.exit(2);
}
if (args.includes("--help")) {
  process.stdout.write(helpOf(command));
  process.exit(0);
}
try {
  const run = await command.load();
  process.exitCode = await run(readEnvironment(), args);
} catch (error) {
  if (!(error instanceof LunaError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
