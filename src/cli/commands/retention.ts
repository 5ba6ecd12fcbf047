import { formatBytes } from "../../base/byte-size.ts";
import type { PlannedRunView, RetentionView } from "../../contract/retention.ts";
import { connect, say, type Context } from "../context.ts";
import { outputOption, wholeNumber, type Program } from "../options.ts";
import { Option } from "@commander-js/extra-typings";
import { printData } from "../output/format.ts";
import { printable } from "../output/printable.ts";
import { formatTable } from "../output/table.ts";

/** What the server answers, in words; a reason that is new to this program is shown as it is. */
const REASONS: Readonly<Record<string, string>> = {
  deleted: "was deleted",
  retention_over: "ended long enough ago",
  not_ended: "has not ended",
  undo_open: "deleted; can be taken back",
  kept_for_ever: "retention.days is forever",
  younger: "ended not long enough ago",
  only_copy: "its results are in no bucket; delete it when you have them",
};

export function addRetention(program: Program, context: Context): void {
  program
    .command("retention")
    .summary("say which runs the server would forget now, which stay and why")
    .description(
      "Say which runs the server would forget now, which stay, why and until when, and what they take on its disk: those that ended first. Nothing is removed by this command; the server does it by itself.",
    )
    .option("--dry-run", "only say it, which is all that this command ever does")
    .addOption(new Option("--limit <count>", "at most this many").default(100).argParser(wholeNumber(1, 1000)))
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (options) => {
      const client = await connect(context);
      const plan = await client.call("planRetention", { query: { limit: options.limit } });
      const going = plan.runs.filter((run) => run.verdict === "forget");
      await printData(context.io, options.output, plan, {
        table: async () => (plan.runs.length === 0 ? "" : await planTable(plan.runs)),
        name: () => going.map((run) => `${run.id}\n`).join(""),
      });
      if (options.output === "table") await tell(context, plan, going);
    });
}

async function planTable(runs: readonly PlannedRunView[]): Promise<string> {
  return await formatTable(
    [
      { title: "ID", value: (run: PlannedRunView) => run.id },
      { title: "NAME", value: (run) => printable(run.name) },
      { title: "ENDED", value: (run) => run.endedAt ?? "" },
      { title: "SIZE", value: (run) => formatBytes(run.sizeBytes) },
      { title: "NEXT", value: (run) => (run.verdict === "forget" ? "goes" : `stays until ${run.until ?? "deleted"}`) },
      { title: "WHY", value: (run) => REASONS[run.reason] ?? run.reason },
    ],
    runs,
  );
}

async function tell(context: Context, plan: RetentionView, going: readonly PlannedRunView[]): Promise<void> {
  const freed = going.reduce((sum, run) => sum + run.sizeBytes, 0);
  const days = plan.days === null ? "for ever" : `${plan.days} days after their end`;
  await say(context, `Runs are kept ${days}; ${going.length} would go now, which frees ${formatBytes(freed)}.`);
  if (plan.notEnded > 0) await say(context, `Runs that have not ended: ${plan.notEnded}. They all stay.`);
  if (plan.truncated) await say(context, "There are more ended runs; they ended later than these.");
  if (plan.isClockDoubted) {
    const reason = "the server's clock was set forward or its machine was off, which makes no run older";
    await say(context, `Runs are judged as of ${plan.asOf}: ${reason}.`);
  }
}
