import { formatBytes } from "../../base/byte-size.ts";
import { printDuration } from "../../base/duration.ts";
import type { Client } from "../../client/client.ts";
import type { BucketView, FailureView, RunView } from "../../contract/run.ts";
import { commandLine, connect, type Context } from "../context.ts";
import { outputOption, type Program } from "../options.ts";
import { ageOf } from "../output/age.ts";
import { printData } from "../output/format.ts";
import { logTailLines } from "../output/log-tail.ts";
import { paint, paintState } from "../output/paint.ts";
import { printable } from "../output/printable.ts";
import { formatPairs } from "../output/table.ts";
import { findRunId } from "../run-reference.ts";

/** More of them are in `trainyard metrics`. */
const MOST_METRICS = 5;

export function addShow(program: Program, context: Context): void {
  program
    .command("show")
    .summary("show one run and, if it failed, why")
    .description("Show one run: its state, why it waits or failed, and where its results are.")
    .argument("<id>", "the run's id, the beginning of one, or @ for the newest run")
    .addOption(outputOption("table", "json", "yaml", "name"))
    .action(async (text, options) => {
      const client = await connect(context);
      const id = await findRunId(client, text);
      const run = await client.call("getRun", { params: { id } });
      await printData(context.io, options.output, run, {
        table: async () => describeRun(context, run, await latestOf(client, run)),
        name: () => `${run.id}\n`,
      });
    });
}

/** A few latest values in one line; null where there are none. */
async function latestOf(client: Client, { id, startedAt }: RunView): Promise<string | null> {
  if (startedAt === null) return null;
  const { metrics } = await client.call("listMetrics", { params: { id } });
  const own = metrics.filter(({ key }) => !key.startsWith("system/"));
  const shown = own.slice(0, MOST_METRICS).map(({ key, last }) => `${printable(key)} ${last}`);
  if (own.length > MOST_METRICS) shown.push(`${own.length - MOST_METRICS} more`);
  return shown.length === 0 ? null : shown.join(", ");
}

function describeRun(context: Context, run: RunView, latest: string | null): string {
  const { io } = context;
  const now = io.now();
  const since = (at: string | null): string | null => (at === null ? null : `${at} (${ageOf(at, now)} ago)`);
  const facts = formatPairs([
    ["ID", run.id],
    ["Name", printable(run.name)],
    ["Description", run.description === null ? null : printable(run.description)],
    ["Author", authorOf(run)],
    ["State", paintState(io.stdout, run.state)],
    ["Waits for", run.waiting === null ? null : `${printable(run.waiting.reason)} (position ${run.waiting.position})`],
    ["Delayed by", delayOf(context, run)],
    ["Attempt", run.attempt > 1 || run.retries > 0 ? `${run.attempt} of at most ${run.retries + 1}` : null],
    [
      "Time limit",
      run.timeLimitSeconds === null ? null : `${printDuration(run.timeLimitSeconds * 1000)} for each attempt`,
    ],
    ["Submitted", since(run.submittedAt)],
    ["Started", since(run.startedAt)],
    ["Stop asked", since(run.stopRequestedAt)],
    ["Ended", since(run.endedAt)],
    ["Deleted", deletionOf(context, run)],
    ["Framework", `${printable(run.framework.name)} ${printable(run.framework.version)}`],
    ["Python", run.framework.python === null ? null : printable(run.framework.python)],
    ["Requirements", run.framework.requirements === null ? null : printable(run.framework.requirements)],
    ["Environment", run.framework.environment === null ? null : printable(run.framework.environment)],
    ["Devices", devicesOf(run)],
    ["Device type", run.deviceType === null ? null : printable(run.deviceType)],
    ["CPUs", run.cpus === null ? null : String(run.cpus)],
    ["Memory", run.memoryBytes === null ? null : formatBytes(run.memoryBytes)],
    ["Kept together by", run.processTracking === null ? null : printable(run.processTracking)],
    ["Command", printable(run.command)],
    ["Data", run.data === null ? null : placeOf(run.data)],
    ["Data loading", stagingOf(run)],
    ["Data loaded", stagedOf(run)],
    ["DATA_DIR", run.staged === null ? null : printable(run.staged.view)],
    ["Metrics", latest],
    ["Results", resultsOf(run)],
    ["Checkpoints", run.checkpoints === "run" ? null : "shared with the runs of its results bucket that ask for it"],
    ["Local copy", run.results.localCopy],
    ["ZIP", `${formatBytes(run.definition.sizeBytes)}, SHA-256 ${run.definition.sha256}`],
  ]);
  const warnings = run.warnings.map((warning) => `Warning: ${printable(warning)}\n`).join("");
  return (
    facts +
    describePast(context, run) +
    warnings +
    (run.failure === null ? "" : describeFailure(context, run.id, run.failure))
  );
}

function describePast(context: Context, { id, pastAttempts }: RunView): string {
  const lines = pastAttempts.map(({ attempt, endedAt, cause, message }) => {
    const log = commandLine(context, `logs ${id} --attempt ${attempt}`);
    return `Attempt ${attempt} ended ${endedAt}, ${cause}: ${printable(message)} Its log: ${log}\n`;
  });
  return lines.join("");
}

function describeFailure(context: Context, id: string, failure: FailureView): string {
  const { stdout } = context.io;
  const ofLearner = failure.learner === null ? "" : ` --learner ${failure.learner}`;
  const seen = [
    failure.exitCode === null ? "" : `exit code ${failure.exitCode}`,
    failure.signal === null ? "" : `signal ${failure.signal}`,
    `while ${failure.phase}`,
  ];
  const lines = [
    "",
    `${paint(stdout, ["red", "bold"], "Failed")}: ${printable(failure.message)}`,
    `Cause: ${failure.cause} (${seen.filter((part) => part !== "").join(", ")})`,
    failure.hint === "" ? undefined : `Hint: ${printable(failure.hint)}`,
    ...logTailLines(failure),
    ...(failure.logTail.length === 0 ? [] : [`All of it: ${commandLine(context, `logs ${id}${ofLearner}`)}`]),
  ];
  return lines.map((line) => (line === undefined ? "" : `${line}\n`)).join("");
}

function deletionOf(context: Context, run: RunView): string | null {
  if (run.deletedAt === null) return null;
  return `${run.deletedAt}; until ${run.undoUntil ?? "then"} it can be taken back: ${commandLine(context, `undelete ${run.id}`)}`;
}

function delayOf(context: Context, { id, state, delayed }: RunView): string | null {
  if (delayed === null) return null;
  const end = state === "storing" ? `; this ends the wait: ${commandLine(context, `stop ${id}`)}` : "";
  return `${printable(delayed.reason)} (for ${ageOf(delayed.since, context.io.now())}${end})`;
}

function authorOf(run: RunView): string | null {
  if (run.author === null) return null;
  const { name, email } = run.author;
  const parts = [name, email === null ? null : `<${email}>`].filter((part) => part !== null);
  return parts.length === 0 ? null : printable(parts.join(" "));
}

function devicesOf(run: RunView): string {
  const kind = run.deviceKind === "cpu_slot" ? "CPU slot" : run.deviceKind;
  const held = run.devices.length === 0 ? "" : `: ${run.devices.join(", ")}`;
  const each = run.learners === 1 ? "" : ` for each of ${run.learners} learners`;
  return `${run.devicesRequested} x ${kind}${each}${held}`;
}

function placeOf(bucket: BucketView): string {
  const location = bucket.location === null ? "" : ` at ${printable(bucket.location)}`;
  return `${bucket.type} bucket '${printable(bucket.bucket)}'${location}`;
}

function stagingOf({ staging }: RunView): string | null {
  if (staging === null) return null;
  const of = staging.isListed ? "of" : "of at least";
  const left = staging.secondsLeft === null ? "" : `, ${printDuration(staging.secondsLeft * 1000)} left`;
  return (
    `${staging.objects} ${of} ${staging.wantedObjects} objects, ${formatBytes(staging.sizeBytes)} ${of} ` +
    `${formatBytes(staging.wantedBytes)}, ${formatBytes(staging.bytesPerSecond)}/s${left}`
  );
}

function stagedOf({ staged }: RunView): string | null {
  if (staged === null) return null;
  const seconds = (staged.durationMs / 1000).toFixed(1);
  const cached = `${staged.cachedObjects} (${formatBytes(staged.cachedBytes)}) from the cache`;
  return `${staged.objects} objects, ${formatBytes(staged.sizeBytes)}, in ${seconds} s; ${cached}`;
}

function resultsOf(run: RunView): string {
  const { folder, objects, sizeBytes, storedAt } = run.results;
  const stored =
    objects === null || sizeBytes === null
      ? ""
      : ` (${objects} objects, ${formatBytes(sizeBytes)}${storedAt === null ? "" : `, stored ${storedAt}`})`;
  return `${placeOf(run.results)}, folder '${printable(folder)}'${stored}`;
}
