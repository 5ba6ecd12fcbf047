import type { LearnerTask } from "../../src/engines/engine.ts";
import type { Device } from "../../src/domain/device.ts";
import { Chance } from "./chance.ts";
import type { TimeMark } from "../../src/control/removal/trusted-time.ts";
import type { Life } from "./life.ts";
import { MemoryDisk } from "./memory-store.ts";
import { Observer } from "./observer.ts";
import { Programs, type Plan } from "./programs.ts";
import { Bucket } from "./simulated-files.ts";
import { Trace } from "./trace.ts";
import { VirtualTime } from "./virtual-time.ts";
import { Weather } from "./weather.ts";

const START_MS = Date.UTC(2026, 0, 1);

export interface WorldOptions {
  readonly devices?: number;
  readonly retentionDays?: number | null;
  readonly deleteUndoMs?: number;
  /** Hears every line of the trace. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What the world can do to a run. */
export type Trouble = "data" | "start" | "bucket" | "observe" | "early_stop";

/** Everything that outlives the server: the machine, its disk and programs, the bucket, and what may go wrong with them. */
export class World {
  readonly time = new VirtualTime();
  readonly trace: Trace;
  readonly disk = new MemoryDisk();
  readonly bucket = new Bucket();
  readonly chance: Chance;
  readonly weather: Weather;
  readonly programs: Programs;
  readonly observer: Observer;
  readonly devices: readonly Device[];
  readonly retentionDays: number | null;
  /** The server's life that goes on; null while there is none. */
  life: Life | null = null;
  /** How often somebody has set the machine's clock. */
  wallJumps = 0;
  isSetBack = false;
  /** How often the machine was started. */
  boots = 1;
  /** When it was started last. */
  bootedMs = 0;
  /** What a server left for the next one to know the time by. */
  timeMark: TimeMark | null = null;
  /** Runs whose results are to be stored again. */
  readonly resultsRetries = new Set<string>();
  readonly deleteUndoMs: number;
  /** When the last fault was; null while there may be more. */
  fairSinceMs: number | null = null;
  #wallOffsetMs = 0;

  constructor(seed: number, options: WorldOptions = {}) {
    this.chance = new Chance(seed);
    this.trace = new Trace((line) => options.onLine?.(`${(this.time.nowMs / 1000).toFixed(3)} ${line}`));
    this.weather = new Weather(this.chance.split());
    this.observer = new Observer(this);
    this.programs = new Programs(this.time, () => this.wallMs(), this.observer);
    const gpus = this.chance.between(0, 3);
    const slots = options.devices ?? this.chance.between(1, 4);
    this.devices = [
      ...Array.from(
        { length: gpus },
        (_, i) => ({ id: `gpu-${i}`, kind: "nvidia", name: "GPU", uuid: `GPU-${i}` }) as const,
      ),
      ...Array.from(
        { length: slots },
        (_, i) => ({ id: `cpu-${i}`, kind: "cpu_slot", name: "slot", uuid: null }) as const,
      ),
    ];
    const { retentionDays, deleteUndoMs } = options;
    this.retentionDays = retentionDays === undefined ? this.chance.pick([null, 0.01, 0.05]) : retentionDays;
    this.deleteUndoMs = deleteUndoMs ?? this.chance.pick([0, 0, 60_000, 600_000]);
  }

  wallMs(): number {
    return START_MS + this.time.nowMs + this.#wallOffsetMs;
  }

  /** Somebody sets the machine's clock. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
    this.wallJumps += 1;
    this.isSetBack ||= ms < 0;
    this.trace.add(`the clock is set by ${ms} ms`);
  }

  /** The machine is started anew: its programs are gone, and nobody has seen their end. */
  restartMachine(): void {
    this.trace.add("the machine starts anew");
    this.boots += 1;
    this.bootedMs = this.time.nowMs;
    this.programs.endAll();
  }

  /** That this trouble was made for the run, so that its end may name it. */
  note(runId: string, trouble: Trouble): void {
    this.observer.of(runId).troubles.add(trouble);
  }

  planOf(_task: LearnerTask): Plan {
    const { chance, weather } = this;
    return {
      claimMs: weather.strikes(0.1) ? chance.between(0, 50) : 1,
      runMs: chance.happens(0.1) ? Infinity : chance.between(1, chance.pick([50, 5_000, 60_000])),
      exitCode: exitCodeOf(chance, weather),
      onStop: chance.pick(["ends", "ends", "ends_well", "ignores"] as const),
      stuckMs: weather.strikes(0.05) ? chance.between(1, 30_000) : 0,
    };
  }
}

function exitCodeOf(chance: Chance, weather: Weather): number | null {
  if (weather.strikes(0.05)) return null;
  return chance.happens(0.6) ? 0 : chance.pick([1, 2, 126, 127, 137, chance.between(0, 255)]);
}
