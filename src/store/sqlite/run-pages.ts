import { sql } from "kysely";
import type { Kysely, RawBuilder } from "kysely";
import type { RunState } from "../../domain/run-state.ts";
import { cursorOfKey, cursorOfPlace, keyOfCursor } from "../page-cursor.ts";
import type { RunPage, RunQuery } from "../store.ts";
import { keysByMetric, sortedPageQuery } from "./metric-pages.ts";
import { runOfRow } from "./run-rows.ts";
import type { RunRow, Tables } from "./tables.ts";

const LONGEST_PAGE = 1000;

/** What all ids begin with: it selects nothing, and would otherwise read every id. */
const ID_START = "training-";

/** Shorter parts of a name have no entry in the index of three letters. */
const INDEXED_PART = 3;

export async function listRuns(db: Kysely<Tables>, query: RunQuery): Promise<RunPage> {
  const limit = Math.min(query.limit, LONGEST_PAGE);
  const { rows } = await pageQuery(query, limit + 1).execute(db);
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { runs: shown.map(runOfRow), nextCursor: last === undefined ? null : cursorOf(last) };
}

function cursorOf({ key, place }: RunRow & { readonly place?: number }): string {
  return place === undefined ? cursorOfKey(key) : cursorOfPlace(place, key);
}

export function pageQuery(query: RunQuery, limit: number): RawBuilder<RunRow & { readonly place?: number }> {
  const { sort = null } = query;
  if (sort !== null) return sortedPageQuery(query, sort, partOfName(query), limit);
  return sql<RunRow>`
    with page (key) as materialized (${pageKeys(query, limit)})
    select run.* from page cross join run on run.key = page.key order by page.key desc
  `;
}

/**
 * The keys of the page, by the door that reads least: each walks one index from the newest backwards and stops at
 * the limit, so that the work depends on the page and not on how many runs there are.
 */
function pageKeys(query: RunQuery, limit: number): RawBuilder<unknown> {
  const before = query.cursor === null ? Number.MAX_SAFE_INTEGER : keyOfCursor(query.cursor);
  const name = partOfName(query);
  const { metric = null } = query;
  if (metric !== null) return keysByMetric(query, metric, name, before, limit);
  const shelf = query.deleted === true ? DELETED : LISTED;
  if (query.idPrefix !== null && !ID_START.startsWith(query.idPrefix)) {
    return keysByIdPrefix(shelf, query.idPrefix, name, query.states, before, limit);
  }
  if (name !== null) return keysByName(shelf, name, query.states, before, limit);
  if (query.states.length > 0) return keysByState(shelf, query.states, before, limit);
  return sql`
    select key from run indexed by ${shelf.byKey} where ${shelf.isOn} and key < ${before}
    order by key desc limit ${limit}`;
}

/** Deleted runs and the others are listed apart, each from indexes that hold nothing else. */
interface Shelf {
  readonly isOn: RawBuilder<unknown>;
  readonly byKey: RawBuilder<unknown>;
  readonly byState: RawBuilder<unknown>;
}

const LISTED: Shelf = { isOn: sql`deleted_at is null`, byKey: sql`run_listed`, byState: sql`run_state` };
const DELETED: Shelf = {
  isOn: sql`deleted_at is not null`,
  byKey: sql`run_deleted_listed`,
  byState: sql`run_deleted_state`,
};

/** One walk for each state, merged by SQLite as they go. */
function keysByState(shelf: Shelf, states: readonly RunState[], before: number, limit: number): RawBuilder<unknown> {
  const walks = [...new Set(states)].map(
    (state) => sql`
      select key from run indexed by ${shelf.byState} where ${shelf.isOn} and state = ${state} and key < ${before}`,
  );
  return sql`${sql.join(walks, sql` union all `)} order by key desc limit ${limit}`;
}

function keysByName(
  shelf: Shelf,
  name: string,
  states: readonly RunState[],
  before: number,
  limit: number,
): RawBuilder<unknown> {
  const matches =
    Array.from(name).length < INDEXED_PART
      ? sql`instr(run_name.name, ${name}) > 0`
      : sql`run_name match ${phrase(name)}`;
  return sql`
    select rowid as key from run_name
    where ${matches} and rowid < ${before} ${andOn(shelf, sql`run_name.rowid`, states)}
    order by rowid desc limit ${limit}`;
}

function keysByIdPrefix(
  shelf: Shelf,
  prefix: string,
  name: string | null,
  states: readonly RunState[],
  before: number,
  limit: number,
): RawBuilder<unknown> {
  const andName =
    name === null
      ? sql``
      : sql`and exists (select 1 from run_name where run_name.rowid = run.key and instr(run_name.name, ${name}) > 0)`;
  return sql`
    select key from run indexed by run_id
    where id >= ${prefix} and id < ${`${prefix}\u{10ffff}`} and +key < ${before} ${andName} ${andOn(shelf, sql`run.key`, states)}
    order by key desc limit ${limit}`;
}

/** Asks an index alone, which is a tenth of the table: many of the rows asked for will not be shown. */
function andOn(shelf: Shelf, key: RawBuilder<unknown>, states: readonly RunState[]): RawBuilder<unknown> {
  const index = states.length === 0 ? shelf.byKey : shelf.byState;
  const andState = states.length === 0 ? sql`` : sql`and other.state in (${sql.join(states)})`;
  return sql`and exists (
    select 1 from run as other indexed by ${index} where other.${shelf.isOn} ${andState} and other.key = ${key})`;
}

function partOfName({ name }: RunQuery): string | null {
  return name === null || name === "" ? null : foldName(name);
}

/** How names are compared: without regard to case, in every alphabet and not only in SQLite's ASCII. */
export function foldName(name: string): string {
  return name.toLowerCase();
}

/** A text as one phrase of a full-text query, where nothing in it has a meaning of its own. */
function phrase(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
