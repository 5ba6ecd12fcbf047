import { ServiceError } from "../../src/domain/errors.ts";
import { newRun, type Run } from "../../src/domain/run.ts";
import type { TrainingSpec } from "../../src/domain/training-spec.ts";
import { pendingRun } from "../fixtures/pending-run.ts";
import type { Chance } from "./chance.ts";
import type { Server } from "./server.ts";
import type { World } from "./world.ts";

const SPEC: TrainingSpec = { ...pendingRun().spec, name: "simulated" };

const WHO = { account: "simulated" };
const GRACES = [null, 0, 1_000, 30_000] as const;

interface Insisted<T> {
  readonly answer?: T;
  readonly error?: unknown;
}

/** People at the other end of the connection: they submit, stop and delete, and try again when they get no answer. */
export class Users {
  readonly #world: World;
  readonly #server: () => Server | null;
  /** Users who have not done all they want to do. */
  busy = 0;
  #ids = 0;

  constructor(world: World, server: () => Server | null) {
    this.#world = world;
    this.#server = server;
  }

  /** One run and all that its user does to it. */
  async live(number: number, submitAfterMs: number): Promise<void> {
    this.busy += 1;
    const chance = this.#world.chance.split();
    await this.#world.time.sleep(submitAfterMs);
    const id = await this.#submit(number, chance);
    if (id !== null) {
      await Promise.all([
        chance.happens(0.25) ? this.#stopSometime(id, chance) : undefined,
        chance.happens(0.2) ? this.#deleteSometime(id, chance) : undefined,
        chance.happens(0.5) ? this.#retryResultsSometime(id, chance) : undefined,
      ]);
    }
    this.busy -= 1;
  }

  async stop(id: string, grace: number | null): Promise<void> {
    const seen = this.#world.observer.of(id);
    seen.firstStopAskedMs ??= this.#world.time.nowMs;
    // Before its start is written down nobody can ask whether it has ended.
    if (this.#world.disk.rows.get(id)?.run.state !== "running") this.#world.note(id, "early_stop");
    const ask = async ({ duties }: Server) => duties.runs.requestStop(id, grace, WHO);
    const { answer } = await this.#insist(`stop ${id}`, ask);
    if (answer !== undefined) seen.stopAcknowledgedMs ??= this.#world.time.nowMs;
  }

  async #submit(number: number, chance: Chance): Promise<string | null> {
    const key = chance.happens(0.7) ? `key-${number}` : null;
    const spec = specOf(chance, this.#world);
    // Who has no key would submit twice if he tried again.
    const tries = key === null ? 1 : chance.between(1, 20);
    const enter = async ({ duties }: Server) => {
      const run = this.#fresh(spec);
      this.#world.observer.submitting(run.id, key);
      const entry = { run, sealedCredentials: "", idempotencyKey: key };
      return duties.runs.enter(entry, { kind: "bytes", bytes: new Uint8Array(1) });
    };
    const { answer } = await this.#insist(`submit ${number}`, enter, tries);
    if (answer === undefined) return null;
    this.#world.observer.acknowledged(answer.run.id, key);
    return answer.run.id;
  }

  async #stopSometime(id: string, chance: Chance): Promise<void> {
    await this.#world.time.sleep(chance.between(0, chance.pick([100, 10_000, 60_000])));
    await this.stop(id, chance.pick(GRACES));
    if (chance.happens(0.3)) await this.stop(id, 0);
  }

  async #deleteSometime(id: string, chance: Chance): Promise<void> {
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await this.#world.time.sleep(chance.between(1_000, 120_000));
      const seen = this.#world.observer.of(id);
      const atOnce = chance.happens(0.2);
      seen.isDeleteAsked = true;
      if (atOnce) seen.mayGoAtOnce = true;
      const remove = async ({ duties }: Server) => duties.runs.remove(id, WHO, { atOnce, discardResults: true });
      const { answer, error } = await this.#insist(`delete ${id}`, remove, 3);
      if (answer && chance.happens(0.5)) await this.#restore(id, chance);
      if (!(error instanceof ServiceError && error.code === "run_not_ended")) return;
    }
  }

  async #restore(id: string, chance: Chance): Promise<void> {
    await this.#world.time.sleep(chance.between(0, 90_000));
    await this.#insist(`restore ${id}`, async ({ duties }) => duties.runs.restore(id, WHO), 3);
  }

  async #retryResultsSometime(id: string, chance: Chance): Promise<void> {
    await this.#world.time.sleep(chance.between(60_000, 600_000));
    const row = this.#world.disk.rows.get(id)?.run;
    if (row === undefined || row.endedAt === null || row.results !== null || row.outcome === null) return;
    const seen = this.#world.observer.of(id);
    seen.isRetryAsked = true;
    const retry = async ({ duties }: Server) => duties.runs.retryResults(id, null, WHO);
    const { answer } = await this.#insist(`retry the results of ${id}`, retry);
    if (answer !== undefined) seen.retryAcknowledgedMs = this.#world.time.nowMs;
  }

  /** Asks again while the answer is that of a server in trouble, or none. */
  async #insist<T>(what: string, ask: (server: Server) => Promise<T>, tries = Infinity): Promise<Insisted<T>> {
    let last: unknown;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const server = this.#server();
      try {
        if (server !== null) {
          const answer = await server.life.request(async () => ask(server));
          this.#world.trace.add(`user ${what}: done`);
          return { answer };
        }
      } catch (error) {
        last = error;
        this.#world.trace.add(`user ${what}: ${(error as Error).message}`);
        if (error instanceof ServiceError && error.kind !== "unavailable" && error.code !== "version_conflict") break;
      }
      await this.#world.time.sleep(server === null ? 1_000 : 2_000);
    }
    return { error: last };
  }

  #fresh(spec: TrainingSpec): Run {
    this.#ids += 1;
    return newRun({
      id: `training-${String(this.#ids).padStart(9, "0")}`,
      owner: "simulated",
      spec,
      definitionSha256: "0".repeat(64),
      definitionSizeBytes: 1,
      submittedAt: new Date(this.#world.wallMs()),
      warnings: [],
    });
  }
}

function specOf(chance: Chance, { devices }: World): TrainingSpec {
  const gpus = devices.filter(({ kind }) => kind === "nvidia").length;
  const deviceType = chance.happens(0.5) ? "cpu" : null;
  const present = deviceType === null && gpus > 0 ? gpus : devices.length - gpus;
  const learners = chance.happens(0.2) ? chance.between(1, present) : 1;
  return {
    ...SPEC,
    deviceType,
    learners,
    devices: chance.between(1, Math.floor(present / learners)),
    timeLimitMs: chance.happens(0.2) ? chance.between(100, 30_000) : null,
    retries: chance.happens(0.5) ? chance.between(1, 3) : 0,
  };
}
