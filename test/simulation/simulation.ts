import { Chance } from "./chance.ts";
import { buildServer, type Plant, type Server } from "./server.ts";
import { Users } from "./users.ts";
import { World } from "./world.ts";

const MINUTE_MS = 60_000;
const STORM_MS = 20 * MINUTE_MS;
/** From the last fault until everything must have come to rest: programs run for a minute at most, and queue up. */
const REST_MS = 6 * 60 * MINUTE_MS;

export interface Episode {
  readonly seed: number;
  readonly lifetimes: number;
  readonly steps: number;
  /** Of all that happened, in order: the same for the same seed. */
  readonly hash: string;
  /** What was seen to be wrong first; null: nothing. */
  readonly violation: string | null;
  readonly lastLines: readonly string[];
}

export interface EpisodeOptions {
  /** A bug that the observer must find. */
  readonly plant?: Plant | undefined;
  /** Hears every line of the trace. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** How many users there are, each with one run. */
  readonly runs?: number;
}

/** One seed: a machine, its users, twenty minutes of storms, and then fair weather until all is at rest. */
export async function simulate(seed: number, { plant, onLine, runs = 100 }: EpisodeOptions = {}): Promise<Episode> {
  const ownRandom = Math.random;
  const jitter = new Chance(seed ^ 0x5eed);
  // The back-off of the duties asks here.
  Math.random = () => jitter.next();
  try {
    const world = new World(seed, { onLine });
    await new Course(world, plant).run(runs);
    const { trace, observer, time } = world;
    const { lifetimes, violation } = observer;
    return { seed, lifetimes, steps: time.steps, hash: trace.hash, violation, lastLines: trace.last() };
  } finally {
    Math.random = ownRandom;
  }
}

class Course {
  readonly #world: World;
  readonly #plant: Plant | undefined;
  readonly #users: Users;
  readonly #chance: Chance;
  #server: Server | null = null;

  constructor(world: World, plant: Plant | undefined) {
    this.#world = world;
    this.#plant = plant;
    this.#chance = world.chance.split();
    this.#users = new Users(world, () => this.#server);
  }

  async run(runs: number): Promise<void> {
    const { time, observer, trace } = this.#world;
    this.#boot();
    for (let number = 1; number <= runs; number += 1) void this.#users.live(number, this.#chance.between(0, STORM_MS));
    this.#storm();
    const isBroken = (): boolean => observer.violation !== null;
    await time.pass(STORM_MS, isBroken);
    if (isBroken()) return;
    trace.add("the weather clears up");
    this.#world.weather.clear();
    this.#world.fairSinceMs = time.nowMs;
    this.#endWhatNeverEnds();
    await time.pass(STORM_MS + REST_MS, () => isBroken() || this.#isAtRest());
    // What is answered in the background: results that are stored again, deletions that can no longer be taken back.
    if (!isBroken()) await time.pass(time.nowMs + 2 * MINUTE_MS, isBroken);
    if (!isBroken()) observer.conclude();
    this.#server?.life.end();
  }

  #boot(): void {
    const { world } = { world: this.#world };
    const server = buildServer(world, this.#plant);
    world.life = server.life;
    world.trace.add("a server starts");
    server.duties.start().then(
      () => {
        world.trace.add("the server is ready");
        if (server.life.isAlive) this.#server = server;
      },
      (error: unknown) => {
        world.trace.add(`the server cannot start: ${(error as Error).message}`);
        this.#crash(1_000);
      },
    );
  }

  #crash(downMs: number): void {
    const { world } = { world: this.#world };
    if (world.life === null) return;
    world.trace.add("the server dies");
    world.life.end();
    world.life = null;
    this.#server = null;
    world.time.after(downMs, () => this.#boot());
  }

  /** The server is asked to end, and does. */
  async #shutDown(downMs: number): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    this.#world.trace.add("the server is asked to end");
    await server.life.request(async () => server.duties.stop()).catch(() => undefined);
    if (server.life.isAlive) this.#crash(downMs);
  }

  /** Something happens every now and then until the weather clears up. */
  #storm(): void {
    const { time, weather } = this.#world;
    const chance = this.#chance;
    if (weather.isFair) return;
    time.after(chance.between(1, 60_000), () => {
      if (weather.isFair) return;
      this.#strike(chance);
      this.#storm();
    });
  }

  #strike(chance: Chance): void {
    const { weather } = this.#world;
    const what = chance.between(1, 20);
    if (what <= 7) this.#crash(chance.between(100, chance.pick([500, 60_000])));
    else if (what <= 9) void this.#shutDown(chance.between(100, 5_000));
    else if (what <= 11) this.#spell("the engine is away", (isOn) => (weather.isEngineAway = isOn));
    else if (what <= 13) this.#spell("the bucket is away", (isOn) => (weather.isBucketAway = isOn));
    else if (what <= 15) this.#spell("the disk is full", (isOn) => (weather.isDiskFull = isOn));
    else if (what <= 18) this.#spell("the store is in trouble", (isOn) => (weather.storeTrouble = isOn ? 0.4 : 0.01));
    else if (what === 19) this.#world.jumpWall(chance.pick([1, -1]) * chance.pick([1_000, 3_600_000, 315_360_000_000]));
    else {
      this.#crash(chance.between(10_000, 60_000));
      this.#world.restartMachine();
    }
  }

  #spell(name: string, set: (isOn: boolean) => void): void {
    const { time, weather, trace } = this.#world;
    trace.add(name);
    set(true);
    time.after(this.#chance.between(100, 90_000), () => {
      if (weather.isFair) return;
      trace.add(`no longer: ${name}`);
      set(false);
    });
  }

  #isAtRest(): boolean {
    return this.#users.busy === 0 && this.#world.disk.unended.size === 0 && this.#world.programs.living.size === 0;
  }

  /** Users stop what runs until it is stopped. */
  #endWhatNeverEnds(): void {
    const { time, programs, observer } = this.#world;
    for (const [id, living] of programs.living) {
      const isEndless = [...living].some(({ plan, ending }) => plan.runMs === Infinity && ending === null);
      if (isEndless && observer.of(id).firstStopAskedMs === null) void this.#users.stop(id, 0);
    }
    if (!this.#isAtRest()) time.after(5_000, () => this.#endWhatNeverEnds());
  }
}
