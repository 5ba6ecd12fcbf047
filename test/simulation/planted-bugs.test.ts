import { expect, test } from "vitest";
import type { Plant } from "./server.ts";
import { simulate, type Episode } from "./simulation.ts";

/** So many seeds must do to find any of these. */
const BUDGET = 20;

/** The first seed that finds the bug; null: none of the budget did. */
async function find(plant: Plant): Promise<Episode | null> {
  for (let seed = 1; seed <= BUDGET; seed += 1) {
    const episode = await simulate(seed, { plant });
    if (episode.violation !== null) return episode;
  }
  return null;
}

const EXITED_WELL = { status: "exited", exitCode: 0, signal: null, endedAt: new Date(0), outOfMemory: false } as const;

let calls = 0;
/** True every tenth time. */
function isLost(): boolean {
  return (calls += 1) % 10 === 0;
}

const BUGS: readonly (readonly [name: string, invariant: number, plant: Plant])[] = [
  [
    "a store that loses some of its writes",
    5,
    { store: (real) => ({ saveRun: async (...write) => (isLost() ? undefined : real.saveRun(...write)) }) },
  ],
  [
    "a store that loses some of the submissions",
    1,
    {
      store: (real) => ({
        insertRun: async (entry) => (isLost() ? { run: entry.run, created: true } : real.insertRun(entry)),
      }),
    },
  ],
  [
    "a store that does not know idempotency keys",
    1,
    { store: (real) => ({ insertRun: async (entry) => real.insertRun({ ...entry, idempotencyKey: null }) }) },
  ],
  [
    "a machine that counts one device too many",
    5,
    {
      duties: ({ machine }) => ({
        machine: { ...machine, devices: [...machine.devices, { id: "cpu-9", kind: "cpu_slot", name: "", uuid: null }] },
      }),
    },
  ],
  [
    "a scheduler that forgets who held devices before a restart",
    5,
    {
      store: (real) => ({
        listUnendedRuns: async () => (await real.listUnendedRuns()).map((run) => ({ ...run, devices: [] })),
      }),
    },
  ],
  [
    "a program that is said to have ended when it has not",
    6,
    {
      engine: (real, clock) => ({
        waitForEnd: async (handle, signal) => {
          const tooSoon = clock.sleep(5_000, signal).then(() => EXITED_WELL);
          return Promise.race([real.waitForEnd(handle, signal), tooSoon]);
        },
      }),
    },
  ],
  ["an engine that does not find what it started", 6, { engine: () => ({ find: async () => undefined }) }],
  [
    "an end that is told before anything is stored",
    9,
    {
      remains: () => ({
        keep: async () => ({ stored: { objects: 1, sizeBytes: 1, storedAt: new Date(0) }, warnings: [] }),
      }),
    },
  ],
  [
    "a lost program that is told as completed",
    3,
    {
      engine: (real) => ({
        waitForEnd: async (handle, signal) => {
          const ending = await real.waitForEnd(handle, signal);
          return ending.status === "lost" ? EXITED_WELL : ending;
        },
      }),
    },
  ],
  [
    "a retention that counts hours for days",
    11,
    { duties: ({ retentionDays }) => ({ retentionDays: retentionDays === null ? null : retentionDays / 24 }) },
  ],
  ["an engine that stops nobody", 6, { engine: () => ({ stop: async () => {} }) }],
  ["an engine that never tells of an end", 14, { engine: () => ({ waitForEnd: async () => new Promise(() => {}) }) }],
];

test.each(BUGS)("%s is found as a breach of invariant %i", async (_name, invariant, plant) => {
  expect((await find(plant))?.violation).toMatch(new RegExp(`^invariant ${invariant}:`));
});
