import { NO_WISHES } from "../../domain/training-spec.ts";
import { newRunId } from "../../domain/run-id.ts";
import type { RunState } from "../../domain/run-state.ts";
import { advance, newRun, type Run } from "../../domain/run.ts";
import type { NewRun, Store } from "../store.ts";

const START = Date.UTC(2026, 0, 1);

/** Times of the tests: whole seconds after a start, so that they survive any database's precision. */
export function second(n: number): Date {
  return new Date(START + n * 1000);
}

export function sampleRun(fields: Partial<Run> & { readonly name?: string } = {}): Run {
  const { name = "handwriting recognition", ...rest } = fields;
  const run = newRun({
    id: newRunId(),
    owner: "admin",
    spec: {
      name,
      description: "Zeilen\nmit Umlauten: äöü, 漢字, 🚂",
      author: { name: "Erika Mustermann", email: null },
      framework: { name: "tensorflow", version: "1.10", python: null, requirements: null },
      command: 'python3 train.py --data ${DATA_DIR} --quote "\'"',
      devices: 2,
      learners: 1,
      data: {
        bucket: "mnist",
        name: null,
        connection: { type: "s3", endpointUrl: "https://s3.example", region: null },
      },
      results: { bucket: "results", name: "out", connection: { type: "directory", root: null } },
      cpus: null,
      memoryBytes: null,
      deviceType: null,
      checkpoints: "run",
      ...NO_WISHES,
      evaluationMetrics: null,
    },
    definitionSha256: "a".repeat(64),
    definitionSizeBytes: 12_345,
    submittedAt: second(0),
    warnings: [],
  });
  return { ...run, ...rest };
}

export function entry(run: Run, more: Partial<NewRun> = {}): NewRun {
  return { run, sealedCredentials: "", idempotencyKey: null, ...more };
}

export async function insert(store: Store, fields: Parameters<typeof sampleRun>[0] = {}): Promise<Run> {
  const run = sampleRun(fields);
  await store.insertRun(entry(run));
  return run;
}

/** Saves the run in each state in turn. */
export async function walk(store: Store, run: Run, ...states: readonly RunState[]): Promise<Run> {
  let last = run;
  for (const state of states) {
    last = advance(last, state, second(last.version));
    await store.saveRun(last, []);
  }
  return last;
}
