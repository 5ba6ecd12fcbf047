import type { Client } from "../client/client.ts";
import type { RunView } from "../contract/run.ts";
import {
  ambiguousId,
  emptyId,
  noDeletedRunWith,
  noRunDeleted,
  noRunWith,
  noRunYet,
  runIsDeleted,
  runNotDeleted,
} from "./cli-error.ts";
import { readRuns } from "./read-runs.ts";

const PREFIX = "training-";
const FULL_ID = /^training-[A-Za-z0-9]{9}$/;
const BEGINNING = /^training-[A-Za-z0-9]{0,9}$/;
const CANDIDATES_SHOWN = 10;

/**
 * The id of the run, not a deleted one, that a person means: a whole id, the beginning of one (with or without
 * `training-`) that fits one run only, or `@` for the newest run. A whole id is not looked up; the call it is for will
 * tell whether it exists.
 */
export async function findRunId(client: Client, text: string): Promise<string> {
  if (FULL_ID.test(text)) return text;
  if (text === "@") {
    const { runs } = await client.call("listRuns", { query: { limit: 1 } });
    if (runs[0] === undefined) throw noRunYet();
    return runs[0].id;
  }
  const found = await findBeginning(client, text, false);
  if (found !== null) return found.id;
  const deleted = await findBeginning(client, text, true);
  if (deleted === null) throw noRunWith(text);
  throw runIsDeleted(deleted.id, deleted.undoUntil);
}

/** The same of deleted runs, where `@` is the one that was deleted last. */
export async function findDeletedRunId(client: Client, text: string): Promise<string> {
  if (text === "@") return (await lastDeleted(client)).id;
  const found = await findBeginning(client, text, true);
  if (found !== null) return found.id;
  const live = await findBeginning(client, text, false);
  throw live === null ? noDeletedRunWith(text) : runNotDeleted(live.id);
}

async function lastDeleted(client: Client): Promise<RunView> {
  const { runs } = await readRuns(client, Number.POSITIVE_INFINITY, { deleted: true });
  const [last] = runs.toSorted((a, b) => (b.deletedAt ?? "").localeCompare(a.deletedAt ?? ""));
  if (last === undefined) throw noRunDeleted();
  return last;
}

/** Null when there is none. Throws where several fit. */
async function findBeginning(client: Client, text: string, deleted: boolean): Promise<RunView | null> {
  if (text === "") throw emptyId();
  const idPrefix = text.startsWith(PREFIX) ? text : PREFIX + text;
  if (!BEGINNING.test(idPrefix)) return null;
  const { runs } = await client.call("listRuns", { query: { deleted, idPrefix, limit: CANDIDATES_SHOWN + 1 } });
  const [first, second] = runs;
  if (first === undefined) return null;
  if (second === undefined) return first;
  const candidates = runs.slice(0, CANDIDATES_SHOWN).map(describeCandidate);
  throw ambiguousId(text, candidates, runs.length > CANDIDATES_SHOWN);
}

function describeCandidate(run: RunView): string {
  return `${run.id}   ${run.state.padEnd(11)}   ${run.submittedAt}   ${run.name}`;
}
