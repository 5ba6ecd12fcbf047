import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock as clock } from "../src/base/clock.ts";
import { learnerDirectory, runDirectory, TRAINING_LOG } from "../src/control/run/run-directory.ts";
import { newRunId } from "../src/domain/run-id.ts";
import type { Run } from "../src/domain/run.ts";
import type { NewRunEvent, Store } from "../src/store/store.ts";
import { openSqliteStore } from "../src/store/sqlite/open.ts";
import { pendingRun } from "../test/fixtures/pending-run.ts";

/** Written at once, to share one sync. */
const BATCH = 250;
const EVENTS: readonly NewRunEvent[] = [
  { type: "state", message: "Devices granted: cpu-0." },
  { type: "state", message: "The program started in Shell." },
  { type: "state", message: "Storing logs and results. It will end as completed." },
  { type: "state", message: "Ended as completed; 5 objects stored." },
];

/** Fills a home with runs that completed today, as a server would have left them: rows, events, folders with logs. */
export async function fillHome(home: string, count: number): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const store = await openSqliteStore({ path: join(home, "trainyard.db"), clock });
  for (let written = 0; written < count; written += BATCH) {
    const size = Math.min(BATCH, count - written);
    await Promise.all(Array.from({ length: size }, async (_, i) => insert(store, home, written + i)));
  }
  await store.close();
}

async function insert(store: Store, home: string, index: number): Promise<void> {
  const run = storingRun(index);
  await store.insertRun({ run, sealedCredentials: "", idempotencyKey: null });
  const now = clock.now();
  const results = { objects: 5, sizeBytes: 20_000, storedAt: now };
  await store.saveRun({ ...run, state: "completed", version: run.version + 1, endedAt: now, results }, EVENTS);
  const logs = learnerDirectory(runDirectory(home, run.id), 1);
  await mkdir(logs, { recursive: true });
  await writeFile(join(logs, TRAINING_LOG), "Iter 1280, Minibatch Loss= 20.42, Training Accuracy= 0.89\n".repeat(20));
}

function storingRun(index: number): Run {
  const now = clock.now();
  const { spec } = pendingRun();
  return pendingRun({
    id: newRunId(),
    spec: { ...spec, name: `tf-mnist-${index % 40}` },
    definitionSha256: index.toString(16).padStart(64, "0"),
    state: "storing",
    version: 4,
    submittedAt: now,
    startedAt: now,
    changedAt: now,
    environment: "Shell",
    handles: [{ directory: "/srv/trainyard/learner-1", attempt: 1, pid: 4711, startTime: 815, bootId: "none" }],
    outcome: { state: "completed" },
  });
}
