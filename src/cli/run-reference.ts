import type { Client } from "../client/client.ts";
import type { RunView } from "../contract/run.ts";
import { ambiguousId, emptyId, noRunWith, noRunYet } from "./cli-error.ts";

const PREFIX = "training-";
const FULL_ID = /^training-[A-Za-z0-9]{9}$/;
const BEGINNING = /^training-[A-Za-z0-9]{0,9}$/;
const CANDIDATES_SHOWN = 10;

/**
 * The run id, of a run that is not deleted unless deleted ones are meant, that a person means: a whole id, the beginning of one (with or without `training-`) that fits one run
 * only, or `@` for the newest run. A whole id is not looked up; the call it is for will tell whether it exists.
 */
export async function findRunId(
  client: Client,
  text: string,
  among: { readonly deleted?: boolean } = {},
): Promise<string> {
  if (FULL_ID.test(text)) return text;
  if (text === "@") {
    const { runs } = await client.call("listRuns", { query: { ...among, limit: 1 } });
    if (runs[0] === undefined) throw noRunYet();
    return runs[0].id;
  }
  if (text === "") throw emptyId();
  const idPrefix = text.startsWith(PREFIX) ? text : PREFIX + text;
  if (!BEGINNING.test(idPrefix)) throw noRunWith(text);
  const { runs } = await client.call("listRuns", { query: { ...among, idPrefix, limit: CANDIDATES_SHOWN + 1 } });
  const [first, second] = runs;
  if (first === undefined) throw noRunWith(text);
  if (second === undefined) return first.id;
  const candidates = runs.slice(0, CANDIDATES_SHOWN).map(describeCandidate);
  throw ambiguousId(text, candidates, runs.length > CANDIDATES_SHOWN);
}

function describeCandidate(run: RunView): string {
  return `${run.id}   ${run.state.padEnd(11)}   ${run.submittedAt}   ${run.name}`;
}
