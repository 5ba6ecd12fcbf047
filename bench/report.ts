import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load, machineFacts } from "./machine.ts";
import { type Estimate, quantile } from "./statistics.ts";

const RESULTS = join(import.meta.dirname, "results");

/** What must be true of a figure for its goal. */
export interface Limit {
  readonly words: string;
  /** Of the bad end of an interval, or of the figure itself. */
  holds(worst: Estimate): boolean;
}

export function atMost(limit: number): Limit {
  return { words: `<= ${limit}`, holds: ({ high }) => high <= limit };
}

export function atLeast(limit: number): Limit {
  return { words: `>= ${limit}`, holds: ({ low }) => low >= limit };
}

/** Prints what a benchmark finds as it finds it, and keeps all of it, raw samples included, for one JSON file. */
export class Report {
  readonly #name: string;
  readonly #entries: object[] = [];
  readonly #loadBefore = load();

  constructor(name: string, goal: string) {
    this.#name = name;
    process.stdout.write(`\n== ${name} (${goal})\n`);
    this.#say(`load ${this.#loadBefore.toFixed(1)} at the beginning`);
  }

  /** A version, a size, a setting. */
  fact(name: string, value: string | number): void {
    this.#entries.push({ kind: "fact", name, value });
    this.#say(`${name}: ${value}`);
  }

  /** Something that was left out, and why. */
  leftOut(what: string, why: string): void {
    this.#entries.push({ kind: "left out", what, why });
    this.#say(`left out: ${what}: ${why}`);
  }

  /** The raw figures of one side. */
  samples(name: string, unit: string, values: readonly number[]): void {
    this.#entries.push({ kind: "samples", name, unit, values });
    const [least, middle, ninety, ninetyNine, most] = [0, 0.5, 0.9, 0.99, 1].map((share) =>
      shown(quantile(values, share)),
    );
    // CPU times come in steps of 10 ms, where only the mean tells something.
    const mean = shown(values.reduce((sum, value) => sum + value, 0) / values.length);
    const spread = `mean ${mean}, least ${least}, p90 ${ninety}, p99 ${ninetyNine}, most ${most}`;
    this.#say(`${name}: median ${middle} ${unit} (${spread}; ${values.length} samples)`);
  }

  /** A ratio or a difference over pairs, judged by the bad end of its interval. */
  estimate(name: string, unit: string, value: Estimate, limit?: Limit): void {
    const verdict = limit === undefined ? {} : { goal: limit.words, met: limit.holds(value) };
    this.#entries.push({ kind: "estimate", name, unit, ...value, ...verdict });
    const interval = `${shown(value.median)}${unit} [${shown(value.low)}, ${shown(value.high)}]`;
    this.#say(`${name}: ${interval}${limit === undefined ? "" : judged(limit, limit.holds(value))}`);
  }

  /** A count, or a single measurement. */
  figure(name: string, unit: string, value: number, limit?: Limit): void {
    const met = limit?.holds({ median: value, low: value, high: value });
    this.#entries.push({ kind: "figure", name, unit, value, ...(limit && { goal: limit.words, met }) });
    this.#say(`${name}: ${shown(value)}${unit}${limit === undefined ? "" : judged(limit, met === true)}`);
  }

  /** Writes the JSON and gives its path. */
  write(): string {
    const loadAfter = load();
    this.#say(`load ${loadAfter.toFixed(1)} at the end`);
    const machine = machineFacts();
    mkdirSync(RESULTS, { recursive: true });
    const stamp = String(machine["at"]).replace(/[:.]/g, "-");
    const path = join(RESULTS, `${this.#name}-${stamp}.json`);
    const content = { name: this.#name, machine, load: [this.#loadBefore, loadAfter], entries: this.#entries };
    writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
    return path;
  }

  #say(line: string): void {
    process.stdout.write(`   ${line}\n`);
  }
}

function judged(limit: Limit, met: boolean): string {
  return `   goal ${limit.words}: ${met ? "met" : "NOT MET"}`;
}

function shown(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
