import { sql } from "kysely";
import type { RawBuilder } from "kysely";
import { placeOfCursor } from "../page-cursor.ts";
import type { MetricRange, MetricSort, RunQuery } from "../store.ts";
import type { RunRow } from "./tables.ts";

const COLUMNS = { last: sql.ref("m.last"), min: sql.ref("m.min"), max: sql.ref("m.max") } as const;
const INDEXES = { last: sql`run_metric_last`, min: sql`run_metric_min`, max: sql`run_metric_max` } as const;

/** A page in the order of a metric walks that metric's index and stops at the limit, as the other pages do. */
export function sortedPageQuery(
  query: RunQuery,
  sort: MetricSort,
  name: string | null,
  limit: number,
): RawBuilder<RunRow & { readonly place: number }> {
  const column = COLUMNS[sort.of];
  const order = sort.order === "ascending" ? sql`asc` : sql`desc`;
  const later = sort.order === "ascending" ? sql`>` : sql`<`;
  const place = query.cursor === null ? null : placeOfCursor(query.cursor);
  const behind = place === null ? sql`` : sql`and (${column}, m.run_key) ${later} (${place.value}, ${place.key})`;
  return sql`
    with page (key, place) as materialized (
      select m.run_key, ${column} from run_metric as m indexed by ${INDEXES[sort.of]}
      where m.key = ${sort.key} and ${column} is not null ${behind} ${andRun(query, name)} ${andMetric(query.metric ?? null)}
      order by ${column} ${order}, m.run_key ${order} limit ${limit})
    select run.*, page.place from page cross join run on run.key = page.key
    order by page.place ${order}, page.key ${order}`;
}

/** Keys of the runs whose metric is within the range, newest first: reads those that are, from the index. */
export function keysByMetric(
  query: RunQuery,
  range: MetricRange,
  name: string | null,
  before: number,
  limit: number,
): RawBuilder<unknown> {
  return sql`
    select m.run_key as key from run_metric as m indexed by run_metric_last
    where m.key = ${range.key} ${within(sql.ref("m.last"), range)} and m.run_key < ${before} ${andRun(query, name)}
    order by m.run_key desc limit ${limit}`;
}

function andMetric(range: MetricRange | null): RawBuilder<unknown> {
  if (range === null) return sql``;
  return sql`and exists (
    select 1 from run_metric as o where o.run_key = m.run_key and o.key = ${range.key} ${within(sql`+o.last`, range)})`;
}

function within(column: RawBuilder<unknown>, { min, max }: MetricRange): RawBuilder<unknown> {
  const above = min === undefined ? sql`` : sql`and ${column} >= ${min}`;
  const below = max === undefined ? sql`` : sql`and ${column} <= ${max}`;
  return sql`and ${column} is not null ${above} ${below}`;
}

function andRun({ states, idPrefix, deleted = false }: RunQuery, name: string | null): RawBuilder<unknown> {
  const isOn = deleted ? sql`r.deleted_at is not null` : sql`r.deleted_at is null`;
  const andState = states.length === 0 ? sql`` : sql`and r.state in (${sql.join(states)})`;
  const andId = idPrefix === null ? sql`` : sql`and r.id >= ${idPrefix} and r.id < ${`${idPrefix}\u{10ffff}`}`;
  const andName =
    name === null
      ? sql``
      : sql`and exists (select 1 from run_name where run_name.rowid = m.run_key and instr(run_name.name, ${name}) > 0)`;
  return sql`and exists (select 1 from run as r where r.key = m.run_key and ${isOn} ${andState} ${andId}) ${andName}`;
}
