import type { Runtime } from "node:inspector";
import { Session } from "node:inspector/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Chance } from "./chance.ts";
import { buildServer } from "./server.ts";
import { Users } from "./users.ts";
import { World } from "./world.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Node's own types lack it. */
type Properties = Runtime.GetPropertiesReturnType & { readonly privateProperties?: Runtime.PropertyDescriptor[] };

/** How many things each private map, set and list of an object holds, and of those that it holds. */
async function countWithin(root: object, depth: number): Promise<Record<string, number>> {
  using session = Object.assign(new Session(), { [Symbol.dispose]: () => session.disconnect() });
  session.connect();
  const counts: Record<string, number> = {};
  const look = async (objectId: string, path: string, left: number): Promise<void> => {
    const found = await session.post("Runtime.getProperties", { objectId, ownProperties: true });
    for (const { name, value } of [...found.result, ...((found as Properties).privateProperties ?? [])]) {
      if (value?.objectId === undefined) continue;
      const [, size] = /^(?:Map|Set|Array)\((\d+)\)$/.exec(value.description ?? "") ?? [];
      if (size !== undefined) counts[`${path}.${name}`] = Number(size);
      else if (left > 0 && value.type === "object") await look(value.objectId, `${path}.${name}`, left - 1);
    }
  };
  Object.assign(globalThis, { looked: root });
  const { result } = await session.post("Runtime.evaluate", { expression: "globalThis.looked" });
  if (result.objectId !== undefined) await look(result.objectId, "", depth);
  return counts;
}

/** What nobody refers to any more is no leak; signals let go of theirs only after a collection. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 5; round += 1) {
    collect();
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
}

test("a year of use leaves nothing behind in the duties of one server", { timeout: 120_000 }, async () => {
  const ownRandom = Math.random;
  const jitter = new Chance(5);
  Math.random = () => jitter.next();
  try {
    const world = new World(5, { retentionDays: 7, deleteUndoMs: 0 });
    world.weather.clear();
    const server = buildServer(world);
    world.life = server.life;
    const started = server.duties.start();
    await world.time.pass(DAY_MS, () => false);
    await started;
    const users = new Users(world, () => server);
    const chance = new Chance(6);
    let number = 0;
    const days = async (count: number): Promise<Record<string, number>> => {
      const endMs = world.time.nowMs + count * DAY_MS;
      const isWrong = (): boolean => world.observer.violation !== null;
      // Six runs each day, and then a quiet moment to count in.
      for (; world.time.nowMs < endMs && !isWrong(); await world.time.pass(world.time.nowMs + DAY_MS, isWrong)) {
        for (let run = 0; run < 6; run += 1) void users.live((number += 1), chance.between(0, DAY_MS / 2));
        for (let hour = 13; hour < 24; hour += 1) {
          world.time.after(hour * HOUR_MS, () => {
            for (const id of world.programs.living.keys()) void users.stop(id, 0);
          });
        }
      }
      const { scheduler, lifecycle, book, runs } = server.duties;
      await collectGarbage();
      return countWithin({ scheduler, lifecycle, book, runs }, 3);
    };
    const early = await days(30);
    const listeners = world.time.countWaiting();
    const late = await days(335);
    expect(world.observer.violation).toBeNull();
    expect(number).toBe(365 * 6);
    expect(Object.keys(early).length).toBeGreaterThan(4);
    expect(filled(late)).toEqual(filled(early));
    expect(world.time.countWaiting()).toBeLessThanOrEqual(listeners + 50);
    expect(world.disk.rows.size).toBeLessThan(9 * 6);
  } finally {
    Math.random = ownRandom;
  }
});

/** Without what is empty: a listener's table is made when the first one comes, whenever that is. */
function filled(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
