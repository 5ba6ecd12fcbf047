import type { Run } from "../../domain/run.ts";
import type { NewRun, RunQuery } from "../store.ts";

/** The plainest thing that keeps the promises: what the law compares a store with. */
export class Model {
  runs: { run: Run; idempotencyKey: string | null; events: number }[] = [];

  insert({ run, idempotencyKey }: NewRun): { run: Run; created: boolean } {
    const earlier = this.runs.find(
      (known) => idempotencyKey !== null && known.idempotencyKey === idempotencyKey && known.run.owner === run.owner,
    );
    if (earlier !== undefined) return { run: earlier.run, created: false };
    this.runs.push({ run, idempotencyKey, events: 1 });
    return { run, created: true };
  }

  list({ states, name, idPrefix, deleted = false }: RunQuery): readonly Run[] {
    return this.runs
      .map(({ run }) => run)
      .filter(
        ({ state, spec, id, deletedAt }) =>
          (deletedAt !== null) === deleted &&
          (states.length === 0 || states.includes(state)) &&
          spec.name.toLowerCase().includes((name ?? "").toLowerCase()) &&
          id.startsWith(idPrefix ?? ""),
      )
      .reverse();
  }
}
