import { isSeq } from "yaml";

import { nearest } from "../base/nearest.ts";
import type { EvaluationMetrics, MetricField, MetricGroup } from "../domain/training-spec.ts";
import { EVALUATION_METRICS, METRIC_FIELD, METRIC_GROUP } from "./ffdl-fields.ts";
import type { Dialect } from "./field-table.ts";
import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import { placeAt } from "./place.ts";
import type { Place } from "./place.ts";
import { entriesOf, readMap } from "./read-map.ts";
import { readCount, readText } from "./text-value.ts";

/** With these there is nothing to collect. */
const NO_COLLECTOR = ["null", "nil", "none"];
/** FfDL's collectors of metrics. */
export const COLLECTORS = [
  "logger",
  "regex_extractor",
  "tensorboard",
  "tensorboard_extractor",
  "emetrics_file",
  "file",
  "optivist",
];

const VALUE_TYPES = ["FLOAT", "INT", "STRING", "JSONSTRING"] as const;

const TEXT = { maxLength: 4_096 } as const;

/** Null when it is absent, asks for nothing, or something was reported. */
export function readEvaluationMetrics(
  place: Place | undefined,
  dialect: Dialect,
  findings: Findings,
): EvaluationMetrics | null {
  const places = place === undefined ? null : readMap(place, EVALUATION_METRICS, dialect, findings);
  if (places === null) return null;
  const type = readWord(places.type, [...COLLECTORS, ...NO_COLLECTOR], findings);
  const folder = readText(places.in, TEXT, findings);
  const lineLookahead = readCount(places.line_lookahead, MANIFEST_LIMITS.lineLookahead, findings);
  const eventTypes = places.eventTypes === undefined ? null : readList(places.eventTypes, findings);
  const groups = readEntries(places.groups, findings).map((entry) => readGroup(entry, dialect, findings));
  if (type === null || NO_COLLECTOR.includes(type)) return null;
  return { type, in: folder, lineLookahead, eventTypes, groups };
}

/** One of the words, whatever its case; null when it is absent or was reported. */
function readWord<W extends string>(place: Place | undefined, words: readonly W[], findings: Findings): W | null {
  const text = readText(place, TEXT, findings);
  if (place === undefined || text === null) return null;
  const word = words.find((known) => known.toLowerCase() === text.trim().toLowerCase());
  if (word !== undefined) return word;
  const meant = nearest(text, words);
  const hint = meant === undefined ? `Write one of ${words.join(", ")}.` : `Did you mean '${meant}'?`;
  findings.problem("value_invalid", place, `'${place.path}' is '${text}'.`, hint);
  return null;
}

function readList(place: Place, findings: Findings): readonly string[] | null {
  if (!isSeq(place.node)) {
    findings.problem("value_invalid", place, `'${place.path}' must be a list.`, "Write it like [scalars, images].");
    return null;
  }
  return place.node.items.flatMap((item, i) => {
    const text = readText(placeAt(item, `${place.path}[${i}]`, place.keyOffset), TEXT, findings);
    return text === null ? [] : [text];
  });
}

/** A key that the user made up, with what stands behind it. */
interface NamedPlace {
  readonly key: string;
  readonly place: Place;
}

function readEntries(place: Place | undefined, findings: Findings): readonly NamedPlace[] {
  const entries = place === undefined ? null : entriesOf(place, "Write 'name:' and a map for each.", findings);
  return (entries ?? []).flatMap(({ key, place: value }) => (value === null ? [] : [{ key, place: value }]));
}

function readGroup({ key, place }: NamedPlace, dialect: Dialect, findings: Findings): MetricGroup {
  const places = readMap(place, METRIC_GROUP, dialect, findings);
  const regexRule = { maxLength: MANIFEST_LIMITS.scalarLength, isMultiLine: true } as const;
  const meta = readEntries(places?.meta, findings).map(
    (entry) => [entry.key, readText(entry.place, { ...TEXT, mayBeBlank: true }, findings) ?? ""] as const,
  );
  return {
    label: key,
    regex: readText(places?.regex, regexRule, findings),
    meta: Object.fromEntries(meta),
    scalars: readFields(places?.scalars, dialect, findings),
    etimes: readFields(places?.etimes, dialect, findings),
  };
}

function readFields(place: Place | undefined, dialect: Dialect, findings: Findings): readonly MetricField[] {
  return readEntries(place, findings).flatMap((entry) => {
    const places = readMap(entry.place, METRIC_FIELD, dialect, findings);
    const type = readWord(places?.type, VALUE_TYPES, findings);
    const value = readText(places?.value, TEXT, findings);
    return type === null || value === null ? [] : [{ key: entry.key, type, value }];
  });
}
