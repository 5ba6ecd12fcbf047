import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunView } from "../../src/contract/run.ts";
import { isTerminal, type RunState } from "../../src/domain/run-state.ts";
import { directoryManifest } from "../e2e/manifests.ts";
import { Client } from "./client.ts";
import { stretched } from "./patience.ts";
import { hold, Violation } from "./violation.ts";
import { CANARY, DEVICES, type World } from "./world.ts";
import { witnessed } from "./witness.ts";

/** How long a system without faults may take to come to rest, and how long with a crash still to come. */
const REST_LIMIT_MS = 10_000;
const ARMED_LIMIT_MS = 30_000;

export interface Wanted {
  /** What the program does between telling of its start and of its end. */
  readonly body: string;
  readonly exitCode?: number;
  readonly learners?: number;
  /** How many of the two devices: `small` is one, `medium` two. */
  readonly resource?: "small" | "medium";
  readonly data?: string;
  /** Into a bucket of an S3 server, with a credential that must never be seen. */
  readonly intoS3?: boolean;
  /** More lines for the manifest's `execution`. */
  readonly wishes?: string;
  /** Why it must have failed, where that is not its exit code. */
  readonly cause?: string;
  /** The size of an object `big`, lines of the run's id, that the program leaves as well. */
  readonly bigBytes?: number;
  /** How many it takes; the first ones are killed from within. Left out: one. */
  readonly attempts?: number;
}

/** A run as the client and the story know it. */
export interface KnownRun {
  readonly id: string;
  readonly name: string;
  readonly wanted: Wanted;
  /** Set by the story: what the run must end as. */
  expected: RunState;
  /** A stop was asked for, so its program may have been cut short or never started. */
  isStopped: boolean;
  isDeleteAsked: boolean;
  isDeleted: boolean;
  /** The first terminal state that was seen; every later look must show the same. */
  ending: string | null;
  /** What the server has acknowledged, by name. */
  readonly metrics: Map<string, number>;
}

/** One way through a story. It is told again after each crash, and what was acknowledged is not asked for again. */
export class Iteration {
  readonly name: string;
  readonly world: World;
  readonly client: Client;
  readonly runs = new Map<string, KnownRun>();
  readonly #done = new Set<string>();
  #deadlineMs = performance.now() + stretched(ARMED_LIMIT_MS);

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
    this.client = new Client(world);
  }

  /** From here on the system has its time to get where the story wants it. */
  startPatience(areFaultsOver: boolean): void {
    this.#deadlineMs = performance.now() + stretched(areFaultsOver ? REST_LIMIT_MS : ARMED_LIMIT_MS);
  }

  async submit(label: string, zip: Uint8Array<ArrayBuffer>, wanted: Wanted, expected: RunState): Promise<KnownRun> {
    const known = this.runs.get(label);
    if (known !== undefined) return known;
    const name = `${this.name}-${label}`;
    const before = await this.client.listNamed(name);
    hold(before.length <= 1, 1, `an unacknowledged submission made ${before.length} runs`);
    const id = await this.client.submit(manifestOf(name, this.world, wanted), zip, name);
    const flags = { isStopped: false, isDeleteAsked: false, isDeleted: false };
    const run = { id, name, wanted, expected, ...flags, ending: null, metrics: new Map<string, number>() };
    this.runs.set(label, run);
    return run;
  }

  /** The same submission under the same key is the same run. */
  async resubmit(run: KnownRun, zip: Uint8Array<ArrayBuffer>): Promise<void> {
    const id = await this.client.submit(manifestOf(run.name, this.world, run.wanted), zip, run.name);
    hold(id === run.id, 1, `the same key gave ${run.id} first and then ${id}`);
  }

  async reach(run: KnownRun, isThere: (view: RunView) => boolean): Promise<RunView> {
    let view = await this.look(run);
    while (!isThere(view)) {
      if (performance.now() > this.#deadlineMs) {
        throw new Violation(14, `${run.name} (${run.id}) stayed in state ${view.state} longer than it may`);
      }
      view = (await this.client.getNext(run.id, view.version)) ?? this.#lost(run);
      await this.#checkDevices();
    }
    return view;
  }

  /** No device is granted twice, and none that is not there. */
  async #checkDevices(): Promise<void> {
    const granted = (await this.client.listUnended()).flatMap(({ devices }) => devices);
    const isRight = new Set(granted).size === granted.length && granted.length <= DEVICES;
    hold(isRight, 5, `of ${DEVICES} devices these are granted: ${granted.join(", ")}`);
  }

  async end(run: KnownRun): Promise<void> {
    if (run.isDeleteAsked) return;
    await this.reach(run, (view) => isTerminal(view.state));
  }

  async look(run: KnownRun): Promise<RunView> {
    const view = await this.client.get(run.id);
    if (view === null) return this.#lost(run);
    return view;
  }

  async stop(run: KnownRun): Promise<void> {
    run.isStopped = true;
    await this.once(`stop ${run.name}`, async () => {
      const status = await this.client.stop(run.id);
      // The run may have ended by a wish whose answer was lost.
      hold(status === 202 || status === 409, 1, `a wish to stop was answered with ${status}`);
    });
  }

  async removeForNow(run: KnownRun): Promise<void> {
    await this.once(`delete ${run.name}`, async () => {
      const status = await this.client.remove(run.id, false);
      hold(status === 202, 11, `a wish to delete was answered with ${status}`);
    });
  }

  /** A deletion that is taken back before it is carried out. */
  async restore(run: KnownRun): Promise<void> {
    await this.once(`restore ${run.name}`, async () => {
      const status = await this.client.restore(run.id);
      hold(status === 200, 11, `a wish to take the deletion back was answered with ${status}`);
    });
  }

  async removeNow(run: KnownRun): Promise<void> {
    await this.once(`delete ${run.name} for good`, async () => {
      const wasAsked = run.isDeleteAsked;
      run.isDeleteAsked = true;
      const status = await this.client.remove(run.id, true);
      hold(status === 204 || (wasAsked && status === 404), 11, `a wish to delete was answered with ${status}`);
      run.isDeleted = true;
    });
  }

  /** Its bucket was away at its end, and is back. */
  async storeLater(run: KnownRun): Promise<void> {
    await this.once(`store ${run.name}`, async () => {
      const status = await this.client.retryResults(run.id);
      // They may be there by a request whose answer was lost.
      hold(status === 202 || status === 409, 9, `a wish to store results was answered with ${status}`);
    });
    await this.reach(run, ({ results }) => results.storedAt !== null);
  }

  /** As its program would. */
  async reportMetric(run: KnownRun, key: string, value: number): Promise<void> {
    await this.once(`metric ${key} of ${run.name}`, async () => {
      const token = (await readFile(join(this.world.folder, `token-${run.id}`), "utf8")).trim();
      const status = await this.client.reportMetric(run.id, token, key, value);
      hold(status === 204, 8, `a metric was answered with ${status}`);
      run.metrics.set(key, value);
    });
  }

  /** Null once the program has put its token where others find it. */
  async findToken({ id, name }: KnownRun): Promise<string | null> {
    const token = await readFile(join(this.world.folder, `token-${id}`), "utf8").catch(() => "");
    return token.trim().length > 1 ? null : `the program of ${name} (${id}) has no token for metrics`;
  }

  /** Nobody asks for it any more: its time is over. */
  async vanish(run: KnownRun): Promise<void> {
    await this.until(14, async () => ((await this.client.get(run.id)) === null ? null : `${run.name} is still there`));
    run.isDeleted = true;
  }

  /** Lets a program go on that waits for its file. */
  async letGo(run: KnownRun): Promise<void> {
    await writeFile(join(this.world.folder, `go-${run.id}`), "");
  }

  async once(what: string, act: () => Promise<void>): Promise<void> {
    if (this.#done.has(what)) return;
    await act();
    this.#done.add(what);
  }

  /** Waits for what nobody announces. */
  async until(invariant: number, what: () => Promise<string | null>): Promise<void> {
    const deadlineMs = Math.min(this.#deadlineMs, performance.now() + stretched(REST_LIMIT_MS));
    for (;;) {
      const missing = await what();
      if (missing === null) return;
      if (performance.now() > deadlineMs) throw new Violation(invariant, missing);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #lost(run: KnownRun): never {
    throw new Violation(1, `the acknowledged run ${run.name} (${run.id}) is not there`);
  }
}

function manifestOf(name: string, world: World, wanted: Wanted): string {
  const { resource = "small", learners = 1, exitCode = 0, wishes } = wanted;
  const body = wanted.body.replaceAll("%FOLDER%", world.folder);
  const command = witnessed(world.witness, body, exitCode, resource === "small" ? 1 : 2);
  const data = wanted.data === undefined ? {} : { data: wanted.data };
  const plain = directoryManifest({ name, command, resource, ...data });
  const text = wishes === undefined ? plain : plain.replace("\n    resource:", `\n    ${wishes}\n    resource:`);
  const sized =
    learners === 1
      ? text
      : text.replace(`resource: ${resource}`, `compute_configuration: {name: ${resource}, nodes: ${learners}}`);
  return wanted.intoS3 === true ? sized.replace(/training_results_reference:[^]*/, s3Results(world)) : sized;
}

function s3Results({ s3 }: World): string {
  return `training_results_reference:
  connection: {endpoint_url: "${s3.endpoint}", aws_access_key_id: key-${CANARY}, aws_secret_access_key: ${CANARY}}
  target: {bucket: results, type: s3}
`;
}
