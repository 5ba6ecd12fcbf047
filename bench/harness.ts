import type { Report } from "./report.ts";

/** What one measurement gave, by the names of its figures: `startMs`, `answerMs`, ... */
export type Sample = Readonly<Record<string, number>>;

/** One of the things that are compared. */
export interface Side<S extends Sample = Sample> {
  readonly name: string;
  /** Measures once. `pair` counts from 0; a warm-up has negative ones. */
  sample(pair: number): Promise<S>;
}

export interface BenchmarkOptions {
  /** As long as the goal demands, instead of as short as still tells something. */
  readonly full: boolean;
}

export interface Benchmark {
  readonly name: string;
  /** Number and words of the goal that it measures. */
  readonly goal: string;
  measure(report: Report, options: BenchmarkOptions): Promise<void>;
}

/**
 * Measures the sides by turns, in the order A B C C B A A B C ..., so that a machine that gets slower or busier
 * meanwhile does so for all of them. The samples of one index belong together.
 */
export async function interleave<S extends Sample>(
  pairs: number,
  sides: readonly Side<S>[],
  warmUps = 1,
): Promise<readonly (readonly S[])[]> {
  for (let round = -warmUps; round < 0; round += 1) for (const side of sides) await side.sample(round);
  const samples = sides.map((): S[] => []);
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = [...sides.keys()];
    if (pair % 2 === 1) order.reverse();
    for (const index of order) samples[index]?.push((await sides[index]?.sample(pair)) as S);
  }
  return samples;
}

/** One figure out of many samples. */
export function pluck<S extends Sample>(samples: readonly S[], figure: keyof S): readonly number[] {
  return samples.map((sample) => sample[figure] as number);
}
