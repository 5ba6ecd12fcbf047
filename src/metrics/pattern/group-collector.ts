import type { Collected, Collector } from "../collector.ts";
import { LineSplitter, type LogLine } from "../line-splitter.ts";
import type { MetricRecord, MetricValue } from "../metric-record.ts";
import { BoundedSearch, type Found } from "./bounded-search.ts";
import { compilePython, PatternError } from "./python-pattern.ts";
import { readTime } from "./read-time.ts";

/** One group of `evaluation_metrics` in the manifest (FfDL): the spec's shape, with what this collector needs of it. */
export interface PatternGroup {
  readonly label: string;
  readonly regex: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly scalars: readonly PatternField[];
  readonly etimes: readonly PatternField[];
}

export interface PatternField {
  readonly key: string;
  readonly type: MetricValue["type"];
  /** A constant, or `$group`. */
  readonly value: string;
}

/** FfDL's own. */
const DEFAULT_LOOKAHEAD = 4;

/** What can match a line feed in a pattern; one without any of them need not wait for more lines. */
const CAN_SPAN_LINES = /\\[nsSWDvfr]|\[\^|\(\?s|\n|\(\?!|\(\?</u;

/**
 * Finds metrics in a log by the manifest's regular expressions. A match may begin in a line and span `lookahead` lines
 * from there; each line is the beginning once. A pattern that cannot be compiled, or takes for ever, is left out with
 * a warning that names it, and the others go on.
 */
export function groupCollector(groups: readonly PatternGroup[], lookahead: number | null): Collector {
  const splitter = new LineSplitter();
  const warnings: string[] = [];
  const searches = groups.flatMap((group) => {
    try {
      return [{ group, search: new BoundedSearch(compilePython(group.regex)), isTold: false }];
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      warnings.push(`The pattern of group '${group.label}' cannot be used: ${error.message}.`);
      return [];
    }
  });
  const spans = groups.some(({ regex }) => CAN_SPAN_LINES.test(regex));
  const window = spans ? Math.max(1, lookahead ?? DEFAULT_LOOKAHEAD) : 1;
  let held: LogLine[] = [];
  let safeOffset = 0;

  const read = (lines: readonly LogLine[], isEnd: boolean, seenAt: Date): Collected => {
    const all = [...held, ...lines];
    const decided = isEnd ? all.length : Math.max(0, all.length - window + 1);
    const texts = all.slice(0, decided).map((_, i) =>
      all
        .slice(i, i + window)
        .map(({ text }) => text)
        .join("\n"),
    );
    const heads = all.slice(0, decided);
    const records: { line: number; record: MetricRecord }[] = [];
    for (const entry of searches) {
      entry.search.search(texts).forEach((found, line) => {
        const begun = found.filter(({ index }) => index <= (heads[line]?.text ?? "").length);
        for (const match of begun) records.push({ line, record: recordOf(entry.group, match, seenAt) });
      });
      if (entry.search.isGivenUp && !entry.isTold) {
        entry.isTold = true;
        warnings.push(
          `The pattern of group '${entry.group.label}' took too long on three lines and is used no more: ${entry.group.regex}`,
        );
      }
    }
    held = all.slice(decided);
    safeOffset = heads.at(-1)?.end ?? safeOffset;
    const ordered = records.toSorted((a, b) => a.line - b.line).map(({ record }) => record);
    return { records: ordered.filter(hasValues), warnings: warnings.splice(0) };
  };

  return {
    get safeOffset() {
      return safeOffset;
    },
    push: (bytes, seenAt) => read(splitter.push(bytes), false, seenAt),
    finish: (seenAt) => read(splitter.finish(), true, seenAt),
  };
}

function hasValues(record: MetricRecord): boolean {
  return Object.keys(record.values).length > 0;
}

function recordOf(group: PatternGroup, { groups }: Found, seenAt: Date): MetricRecord {
  const resolve = (text: string): string | undefined => (text.startsWith("$") ? groups[text.slice(1)] : text);
  const { time = "", subid = "" } = group.meta;
  const at = readTime(resolve(time) ?? "", seenAt);
  const etimes = readFields(group.etimes, resolve);
  const [step = null] = Object.values(etimes).flatMap(({ value }) => (typeof value === "number" ? [value] : []));
  return {
    group: group.label,
    at: at ?? seenAt,
    isOwnTime: at !== null,
    step,
    etimes,
    values: readFields(group.scalars, resolve),
    subId: resolve(subid) || null,
  };
}

function readFields(
  fields: readonly PatternField[],
  resolve: (text: string) => string | undefined,
): Record<string, MetricValue> {
  return Object.fromEntries(
    fields.flatMap(({ key, type, value }): (readonly [string, MetricValue])[] => {
      const text = resolve(value)?.trim();
      if (text === undefined || text === "") return [];
      if (type === "STRING" || type === "JSONSTRING") return [[key, { type, value: text }]];
      const number = readNumber(text);
      return number === null ? [] : [[key, { type, value: type === "INT" ? Math.trunc(number) : number }]];
    }),
  );
}

function readNumber(text: string): number | null {
  const word = /^([-+]?)(?:nan|inf(?:inity)?)$/iu.exec(text);
  if (word !== null) return /nan/iu.test(text) ? NaN : word[1] === "-" ? -Infinity : Infinity;
  const percent = text.endsWith("%");
  const number = Number(percent ? text.slice(0, -1) : text.replaceAll(",", ""));
  if (Number.isNaN(number)) return null;
  return percent ? number / 100 : number;
}
