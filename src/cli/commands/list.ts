import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import type { RunStateName, RunView } from "../../contract/run.ts";
import { RUN_STATES } from "../../contract/run-states.ts";
import { wrongUse } from "../cli-error.ts";
import { connect, say, type Context } from "../context.ts";
import { didYouMean } from "../did-you-mean.ts";
import { outputOption, wholeNumber, type Program } from "../options.ts";
import { ageOf } from "../output/age.ts";
import { printData } from "../output/format.ts";
import { paintState } from "../output/paint.ts";
import { formatTable } from "../output/table.ts";
import { readRuns } from "../read-runs.ts";

export function addList(program: Program, context: Context): void {
  program
    .command("list")
    .summary("list runs, newest first")
    .description("List runs, newest first.")
    .option("--state <states>", "only runs in these states, separated by commas")
    .option("--name <name>", "only runs with this name")
    .addOption(new Option("--limit <count>", "at most this many").default(50).argParser(wholeNumber(1, 100_000)))
    .addOption(new Option("--metric <condition>", "only runs whose latest value is so: 'loss<0.5'").argParser(onlyOne))
    .option("--sort <order>", "in the order of a metric, the best first: metric:loss, or metric:loss:last:asc")
    .option("--all", "every run")
    .option("--deleted", "the deleted runs that undelete can take back, and no others")
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (options) => {
      const client = await connect(context);
      const wanted = options.all === true ? Number.POSITIVE_INFINITY : options.limit;
      const state = options.state === undefined ? undefined : parseStates(options.state);
      const { runs, hasMore } = await readRuns(client, wanted, {
        state,
        name: options.name,
        deleted: options.deleted,
        metric: options.metric,
        sort: options.sort,
      });
      await printData(context.io, options.output, runs, {
        table: () => runTable(context, runs, options.deleted === true),
        name: () => runs.map((run) => `${run.id}\n`).join(""),
      });
      if (options.output !== "table") return;
      if (runs.length === 0) await say(context, nothingThere(options));
      if (hasMore) await say(context, `There are more runs; --all lists every one.`);
    });
}

/** Commander would take the last one and say nothing. */
function onlyOne(text: string, previous: string | undefined): string {
  if (previous === undefined) return text;
  throw new InvalidArgumentError(`It can be given once; '${previous}' was given before it.`);
}

function nothingThere({ deleted, metric, sort }: { deleted?: true; metric?: string; sort?: string }): string {
  if (deleted === true) return "No deleted runs.";
  const asked = [metric, sort].filter((text) => text !== undefined);
  return asked.length === 0 ? "No runs." : `No run has a metric as '${asked.join("' and '")}' asks for it.`;
}

function parseStates(text: string): RunStateName[] {
  const states: RunStateName[] = [];
  for (const word of text.split(",").map((part) => part.trim())) {
    const state = RUN_STATES.find((known) => known === word);
    if (state === undefined) throw noSuchState(word);
    states.push(state);
  }
  return states;
}

function noSuchState(word: string): Error {
  const sentence = `'${word}' is no state of a run${didYouMean(word, RUN_STATES)}.`;
  return wrongUse(sentence, `The states are ${RUN_STATES.join(", ")}.`);
}

async function runTable(context: Context, runs: readonly RunView[], areDeleted: boolean): Promise<string> {
  const { io } = context;
  const now = io.now();
  return await formatTable(
    [
      { title: "ID", value: (run: RunView) => run.id },
      { title: "NAME", value: (run) => run.name },
      { title: "STATE", value: (run) => run.state, dress: (_, run) => paintState(io.stdout, run.state) },
      { title: "AGE", value: (run) => ageOf(run.submittedAt, now) },
      { title: "FRAMEWORK", value: (run) => `${run.framework.name} ${run.framework.version}` },
      ...metricColumns(runs),
      { title: "WHY", value: (run) => run.waiting?.reason ?? run.failure?.cause ?? run.delayed?.reason ?? "" },
      ...(areDeleted ? deletionColumns(now) : []),
    ],
    runs,
  );
}

function deletionColumns(now: Date): { title: string; value: (run: RunView) => string }[] {
  return [
    { title: "DELETED", value: ({ deletedAt }) => (deletedAt === null ? "" : `${ageOf(deletedAt, now)} ago`) },
    { title: "UNDELETE UNTIL", value: ({ undoUntil }) => undoUntil ?? "" },
  ];
}

/** A column for each metric that the list was asked by. */
function metricColumns(runs: readonly RunView[]): { title: string; value: (run: RunView) => string }[] {
  const keys = [...new Set(runs.flatMap(({ metrics = [] }) => metrics.map(({ key }) => key)))];
  return keys.map((key) => ({
    title: key.toUpperCase(),
    value: ({ metrics = [] }) => {
      const metric = metrics.find((one) => one.key === key);
      return metric === undefined ? "" : `${metric.last} (best ${metric.best ?? "-"})`;
    },
  }));
}
