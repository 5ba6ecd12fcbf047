import type { Context } from "../context.ts";
import { say } from "../context.ts";
import type { DoctorCheck } from "../machine.ts";
import { outputOption, type Program } from "../options.ts";
import { printData } from "../output/format.ts";
import { paint } from "../output/paint.ts";
import { printable } from "../output/printable.ts";
import { formatTable } from "../output/table.ts";
import { homeFor } from "../session.ts";

const STATUS_STYLES = { ok: "green", missing: "yellow", broken: "red" } as const;

export function addDoctor(program: Program, context: Context): void {
  program
    .command("doctor")
    .summary("say what this machine offers and what is missing")
    .description(
      "Say what this machine offers and what is missing, with the command that mends it. Ends with 1 if something is broken.",
    )
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (options) => {
      const report = await context.machine.doctor(await homeFor(context.flags, context.io));
      const { checks } = report;
      await printData(context.io, options.output, report, {
        table: () => checkTable(context, checks),
        name: () => checks.map((check) => `${check.name}\n`).join(""),
      });
      if (options.output === "table") await sayRemedies(context, checks);
      if (checks.some((check) => check.status === "broken")) context.exitCode = 1;
    });
}

async function checkTable(context: Context, checks: readonly DoctorCheck[]): Promise<string> {
  const { stdout } = context.io;
  return await formatTable(
    [
      { title: "CHECK", value: (check: DoctorCheck) => check.name },
      {
        title: "STATUS",
        value: (check) => check.status,
        dress: (text, check) => paint(stdout, STATUS_STYLES[check.status], text),
      },
      { title: "FOUND", value: (check) => check.found },
    ],
    checks,
  );
}

async function sayRemedies(context: Context, checks: readonly DoctorCheck[]): Promise<void> {
  for (const { name, remedy } of checks) {
    // One line for each thing to mend: a configuration may have several.
    for (const line of remedy?.split("\n") ?? []) await say(context, `${printable(name)}: ${printable(line)}`);
  }
}
