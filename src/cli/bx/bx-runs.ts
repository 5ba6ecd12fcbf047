import type { RunView } from "../../contract/run.ts";
import { noRunWith } from "../cli-error.ts";
import { connect, type Context } from "../context.ts";
import { formatPairs } from "../output/table.ts";
import { printable } from "../output/printable.ts";
import { readRuns } from "../read-runs.ts";
import { findRunId } from "../run-reference.ts";
import { sendSubmission } from "../send-submission.ts";
import { definitionId } from "./bx-definition-id.ts";
import { noRepository } from "./bx-elsewhere.ts";
import type { Noun } from "./bx-nouns.ts";
import { bxTime, BX_STATES } from "./bx-states.ts";
import { bxTable } from "./bx-table.ts";

/** The page's list gives names this much room even when all are shorter. */
const NAME_WIDTH = 24;

export async function trainModel(context: Context, zip: string, manifest: string): Promise<void> {
  const { stdout } = context.io;
  await stdout.write("Starting to train ...\n");
  const run = await sendSubmission(context, zip, manifest);
  await stdout.write(`OK\nModel-ID is '${run.id}'\n`);
}

/** Every run, newest first. */
export async function listModels(context: Context, noun: Noun): Promise<void> {
  const { stdout } = context.io;
  await stdout.write(`Fetching the list of ${noun.listed} ...\n`);
  const { runs } = await readRuns(await connect(context), Number.POSITIVE_INFINITY);
  const framework = (...cells: string[]): string[] => (noun.tellsMore ? cells : []);
  const header = ["SI No", "Name", "guid", "status", ...framework("framework", "version"), "submitted-at"];
  const rows = runs.map((run, i) => [
    String(i + 1),
    run.name,
    run.id,
    BX_STATES[run.state],
    ...framework(run.framework.name, run.framework.version),
    bxTime(run.submittedAt),
  ]);
  await stdout.write(await bxTable(header, rows, [0, NAME_WIDTH]));
  await stdout.write(`\n${runs.length} records found.\nOK\nList all ${noun.plural} successful\n`);
}

export async function showModel(context: Context, noun: Noun, text: string): Promise<void> {
  const { stdout } = context.io;
  const client = await connect(context);
  const id = await findRunId(client, text);
  await stdout.write(`Fetching the ${noun.shown} details with MODEL-ID '${id}' ...\n`);
  const run = await client.call("getRun", { params: { id } });
  // The service of 2017 knew nothing of a model once it was deleted; that it can be taken back is told by trainyard.
  if (run.deletedAt !== null) throw noRunWith(id);
  const rows = formatPairs([
    ["ModelId", run.id],
    ["url", `/v3/models/${run.id}`],
    ["Name", printable(run.name)],
    ...(noun.tellsMore ? moreRows(run) : []),
    ["State", BX_STATES[run.state]],
    ["Submitted_at", bxTime(run.submittedAt)],
    // The page's known issue was that nobody could see why a job had failed.
    ["Message", run.failure === null ? null : printable(run.failure.message)],
  ]);
  await stdout.write(`${rows}OK\nShow ${noun.plural} details successful\n`);
}

function moreRows(run: RunView): [title: string, value: string | null][] {
  return [
    ["Training definition ID", definitionId(run.definition.sha256)],
    ["Command", printable(run.command)],
    ["Source bucket", run.data === null ? null : printable(run.data.bucket)],
    ["Target bucket", printable(run.results.bucket)],
    ["Framework name", printable(run.framework.name)],
    ["Framework version", printable(run.framework.version)],
  ];
}

export async function deleteModel(context: Context, noun: Noun, text: string): Promise<void> {
  const { stdout } = context.io;
  const client = await connect(context);
  const id = await findRunId(client, text);
  await stdout.write(`Deleting the ${noun.one} '${id}' ...\n`);
  await client.call("deleteRun", { params: { id } });
  await stdout.write(`OK\nDelete ${noun.plural} successful\n`);
}

export async function cancelModel(context: Context, text: string): Promise<void> {
  const { stdout } = context.io;
  const client = await connect(context);
  const id = await findRunId(client, text);
  await stdout.write(`Canceling training for MODEL-ID '${id}'...\n`);
  await client.call("stopRun", { params: { id }, json: {} });
  await stdout.write("OK\nCancel training successful\n");
}

/** There is no repository; the answer is a refusal that says where the model lies. */
export async function storeModel(context: Context, text: string): Promise<never> {
  const client = await connect(context);
  const id = await findRunId(client, text);
  throw noRepository(await client.call("getRun", { params: { id } }));
}
