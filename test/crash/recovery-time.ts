import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { newRunId } from "../../src/domain/run-id.ts";
import { advance } from "../../src/domain/run.ts";
import { isTerminal } from "../../src/domain/run-state.ts";
import { openSqliteStore } from "../../src/store/sqlite/open.ts";
import { pendingRun } from "../fixtures/pending-run.ts";
import { Iteration, type KnownRun } from "./iteration.ts";
import { hold } from "./violation.ts";
import { readWitness } from "./witness.ts";
import { World } from "./world.ts";

const TRAINYARD = join(import.meta.dirname, "..", "..", "bin", "trainyard");
const LIVE = 20;
const INSERTED_AT_ONCE = 256;

/** From the spawn of a server until it says that it is ready. */
interface StartCost {
  readonly wallMs: number;
  /** What it takes on a machine that has nothing else to do. */
  readonly processorMs: number;
}

export interface Recovery {
  readonly liveRuns: number;
  readonly endedRuns: number;
  /** Of the new server; all live runs are carried on by then. */
  readonly ready: StartCost;
  /** The same for this home before it had a live run. */
  readonly idleReady: StartCost;
  readonly restarted: number;
  readonly lostLogBytes: number;
}

/**
 * A server with many runs is killed while programs write, and the next one takes over: how long that takes, what was started
 * twice, and what is missing in the logs. The figures are for people; nothing here decides by a time.
 */
export async function measureRecovery(
  place: string,
  zip: Uint8Array<ArrayBuffer>,
  endedRuns: number,
): Promise<Recovery> {
  await using world = await World.make(place, TRAINYARD);
  await writeFile(join(world.home, "trainyard.yaml"), `devices: {cpu_slots: ${LIVE}}\nbuilds: {mode: off}\n`);
  hold(await world.start(), 14, "the server does not start");
  await world.server.kill();
  await insertEnded(world.home, endedRuns);
  const idleReady = await timeStart(world);
  const told = new Iteration("recovery", world);
  const go = join(world.folder, "go");
  // Writes on until it is told to end, also while there is no server.
  const body = `n=0; while [ ! -e ${go} ]; do n=$((n+1)); echo "beat $n"; sleep 0.1; done; echo "last $n"`;
  const runs: KnownRun[] = [];
  for (let n = 0; n < LIVE; n += 1) runs.push(await told.submit(`live-${n}`, zip, { body }, "completed"));
  for (const run of runs) await told.reach(run, ({ state }) => state === "running");
  await world.server.kill();

  const ready = await timeStart(world);
  await writeFile(go, "");
  told.startPatience(true);
  let restarted = 0;
  let lostLogBytes = 0;
  for (const run of runs) {
    const { state } = await told.reach(run, (view) => isTerminal(view.state));
    hold(state === "completed", 2, `${run.id} ended as ${state}`);
    restarted += (await readWitness(world.witness, run.id, 1)).starts.length - 1;
    lostLogBytes += missingBytes(
      await readFile(join(world.home, "buckets", "models", run.id, "training-log.txt"), "utf8"),
    );
  }
  return { liveRuns: LIVE, endedRuns, ready, idleReady, restarted, lostLogBytes };
}

async function timeStart(world: World): Promise<StartCost> {
  const startedMs = performance.now();
  hold(await world.start(), 14, "the server does not start again");
  return { wallMs: performance.now() - startedMs, processorMs: world.server.processorMs };
}

/** Of what the program says that it wrote. */
function missingBytes(log: string): number {
  const last = Number(/^last (\d+)$/m.exec(log)?.[1] ?? 0);
  const wanted = `${Array.from({ length: last }, (_, beat) => `beat ${beat + 1}\n`).join("")}last ${last}\n`;
  return last > 0 && log.includes(` job\n${wanted}`) ? 0 : wanted.length;
}

async function insertEnded(home: string, count: number): Promise<void> {
  const store = await openSqliteStore({ path: join(home, "trainyard.db"), clock: systemClock });
  try {
    for (let done = 0; done < count; done += INSERTED_AT_ONCE) {
      const batch = Array.from({ length: Math.min(INSERTED_AT_ONCE, count - done) }, () =>
        pendingRun({ id: newRunId(), submittedAt: new Date() }),
      );
      await Promise.all(
        batch.map(async (run) => store.insertRun({ run, sealedCredentials: "", idempotencyKey: null })),
      );
      await Promise.all(batch.map(async (run) => store.saveRun(advance(run, "canceled", new Date()), [])));
    }
  } finally {
    await store.close();
  }
}
