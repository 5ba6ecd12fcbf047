import { processIo } from "./cli/io.ts";
import type { Machine } from "./cli/machine.ts";
import { runCli } from "./cli/program.ts";

/**
 * What the command line may not import itself. Each part is loaded only when a command asks for it, so that
 * `trainyard list` never loads the server.
 */
const machine: Machine = {
  serve: async (options) => (await import("./serve.ts")).serve(options),
  doctor: async (home) => (await import("./doctor.ts")).doctor(home),
  resolveEnvironment: async (framework, home) => (await import("./doctor.ts")).resolveEnvironment(framework, home),
};

/** Where both programs in `bin/` begin. */
export async function main(program: "trainyard" | "bx", args: readonly string[]): Promise<void> {
  // The YAML library prints all it reads, credentials included, to stdout when these are set.
  delete process.env["LOG_TOKENS"];
  delete process.env["LOG_STREAM"];
  process.exitCode = await runCli(program, args, processIo(), machine);
}
