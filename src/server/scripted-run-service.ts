import { EventEmitter, once } from "node:events";
import { appendFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Principal } from "../access/authenticate.ts";
import { definitionSize } from "../domain/definition-content.ts";
import { runAlreadyEnded, runNotEnded, runNotFound } from "../domain/errors.ts";
import { resultsAlreadyStored, runStillLives } from "../domain/results-errors.ts";
import type { RetentionPlan } from "../control/removal/retention-plan.ts";
import { newRunId } from "../domain/run-id.ts";
import { advance, amend, newRun, type Run, type RunChange } from "../domain/run.ts";
import { isTerminal, type RunState } from "../domain/run-state.ts";
import { waitForGrowth } from "../logs/log-file.ts";
import { LogIndexes } from "../logs/log-indexes.ts";
import type { IndexedLog } from "../logs/indexed-log.ts";
import type { LogFacts } from "../logs/log-hub.ts";
import { SecretMask } from "../logs/secret-mask.ts";
import type { ListQuery, ResultObjects, RunService, StoryEvent, SubmitRequest } from "./services.ts";
import { NO_WISHES } from "../domain/training-spec.ts";

/** A run service in memory whose runs move only when a test says so. Logs are real files in `directory`. */
export class ScriptedRunService implements RunService {
  /** Submissions that came through, in order. */
  readonly submissions: SubmitRequest[] = [];
  /** Thrown by the next call of `submit`, then forgotten. */
  nextRefusal: Error | null = null;
  readonly #runs = new Map<string, Run>();
  readonly #events = new Map<string, StoryEvent[]>();
  readonly #keys = new Map<string, string>();
  /** Waits by run: how many began, and how many of them are over. */
  readonly #waits = new Map<string, { begun: number; ended: number }>();
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The run in another state, as the control plane would have moved it. */
  move(id: string, to: RunState, change: RunChange = {}): Run {
    return this.#keep(advance(this.#find(id), to, new Date(), change));
  }

  write(id: string, text: string | Uint8Array): void {
    appendFileSync(this.#logPath(id, 1), text);
  }

  /** Resolves when somebody waits for a change of the run or of its log. */
  async nextWait(id: string): Promise<void> {
    while (this.#waitsOf(id).begun === 0) await once(this.#changes, `wait:${id}`);
  }

  /** Resolves when every wait that began for the run is over. */
  async waitsEnded(id: string): Promise<void> {
    const waits = this.#waitsOf(id);
    while (waits.ended < waits.begun) await once(this.#changes, `wait:${id}`);
  }

  async retryResults(id: string): Promise<Run> {
    const run = this.#find(id);
    if (!isTerminal(run.state)) throw runStillLives(id, run.state);
    if (run.results !== null) throw resultsAlreadyStored(id);
    return run;
  }

  async submit(request: SubmitRequest, signal: AbortSignal): Promise<{ run: Run; created: boolean }> {
    signal.throwIfAborted();
    const refusal = this.nextRefusal;
    this.nextRefusal = null;
    if (refusal !== null) throw refusal;
    const known = request.idempotencyKey === null ? undefined : this.#keys.get(request.idempotencyKey);
    if (known !== undefined) return { run: this.#find(known), created: false };
    const run = this.#keep(submittedRun(request));
    const { zip } = request;
    if (zip.kind === "file") await rename(zip.path, this.definitionPath(run.id));
    else await writeFile(this.definitionPath(run.id), zip.bytes);
    this.submissions.push(request);
    if (request.idempotencyKey !== null) this.#keys.set(request.idempotencyKey, run.id);
    return { run, created: true };
  }

  definitionPath(id: string): string {
    return join(this.#directory, `${id}.zip`);
  }

  async get(id: string): Promise<Run> {
    return this.#find(id);
  }

  async waitForChange(id: string, afterVersion: number, signal: AbortSignal): Promise<Run> {
    using _ = this.#noteWait(id);
    while (this.#find(id).version <= afterVersion) await once(this.#changes, id, { signal });
    return this.#find(id);
  }

  async list(query: ListQuery): Promise<{ runs: readonly Run[]; nextCursor: string | null }> {
    const found = [...this.#runs.values()].toReversed().filter((run) => isWanted(run, query));
    const start = query.cursor === null ? 0 : found.findIndex((run) => run.id === query.cursor) + 1;
    const runs = found.slice(start, start + query.limit);
    const hasMore = start + query.limit < found.length;
    return { runs, nextCursor: hasMore ? (runs.at(-1)?.id ?? null) : null };
  }

  async requestStop(id: string, graceMs: number | null, _principal: Principal): Promise<Run> {
    const run = this.#find(id);
    if (isTerminal(run.state)) throw runAlreadyEnded(id, run.state);
    const now = new Date();
    return this.#keep(amend(run, now, { stopRequestedAt: now, stopGraceMs: graceMs }));
  }

  /** How long a deletion can be taken back. */
  undoMs = 0;

  async remove(id: string, _principal: Principal, how: { readonly atOnce?: boolean } = {}): Promise<Run | null> {
    const run = this.#find(id);
    if (!isTerminal(run.state)) throw runNotEnded(id, run.state);
    const now = new Date();
    if (how.atOnce !== true && this.undoMs > 0) return this.#keep(amend(run, now, { deletedAt: now }));
    this.#runs.delete(id);
    return null;
  }

  async restore(id: string, _principal: Principal): Promise<Run> {
    return this.#keep(amend(this.#find(id), new Date(), { deletedAt: null }));
  }

  undoUntil(run: Run): Date | null {
    return run.deletedAt && new Date(run.deletedAt.getTime() + this.undoMs);
  }

  async planRetention(limit: number): Promise<RetentionPlan> {
    const runs = [...this.#runs.values()].filter(({ state }) => isTerminal(state)).slice(0, limit);
    const decision = { verdict: "keep", reason: "younger", until: new Date(7) } as const;
    return {
      asOf: new Date(0),
      isClockDoubted: false,
      rules: { days: 7, undoMs: this.undoMs },
      runs: runs.map((run) => ({ run, decision, sizeBytes: 4096 })),
      notEnded: this.#runs.size - runs.length,
      truncated: false,
    };
  }

  async events(id: string, afterSequence: number, limit: number): Promise<readonly StoryEvent[]> {
    this.#find(id);
    return (this.#events.get(id) ?? []).filter((event) => event.sequence > afterSequence).slice(0, limit);
  }

  async frameworks(_signal: AbortSignal): Promise<readonly { name: string; version: string }[]> {
    return [{ name: "shell", version: "any" }];
  }

  async results(id: string, _signal: AbortSignal): Promise<ResultObjects> {
    const isStored = this.#find(id).results !== null;
    return { source: isStored ? "bucket" : "local", objects: [{ key: "model", sizeBytes: 3 }], truncated: false };
  }

  deviceKindOf(): string {
    return "cpu_slot";
  }

  stagingOf(): null {
    return null;
  }

  processTrackingOf(): string | null {
    return null;
  }

  waiting(run: Run): { reason: string; position: number } | null {
    return run.state === "pending" ? { reason: "Waits for 1 device.", position: 1 } : null;
  }

  delayed(): null {
    return null;
  }

  /** Never given away by logs. */
  readonly secrets: string[] = [];

  async logFile(id: string, learner: number): Promise<LogFacts> {
    const { state, attempt, version } = this.#find(id);
    const mask = new SecretMask(this.secrets);
    return { path: this.#logPath(id, learner), mask, isComplete: isTerminal(state), presentAttempt: attempt, version };
  }

  readonly #logIndexes = new LogIndexes();

  async useLogIndex<T>(
    id: string,
    learner: number,
    _attempt: number | undefined,
    use: (indexed: IndexedLog, facts: LogFacts) => Promise<T>,
  ): Promise<T> {
    const facts = await this.logFile(id, learner);
    const place = { ...facts, base: join(dirname(facts.path), "log-index", `${id}-${learner}`) };
    return this.#logIndexes.use(place, new Date(), true, async (indexed) => use(indexed, facts));
  }

  async waitForLog(id: string, learner: number, fromByte: number, signal: AbortSignal): Promise<void> {
    using _ = this.#noteWait(id);
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    try {
      await Promise.race([waitForGrowth(this.#logPath(id, learner), fromByte, either), this.#waitForEnd(id, either)]);
    } finally {
      done.abort();
    }
  }

  localCopy(_run: Run): string | null {
    return null;
  }

  #waitsOf(id: string): { begun: number; ended: number } {
    const waits = this.#waits.get(id) ?? { begun: 0, ended: 0 };
    this.#waits.set(id, waits);
    return waits;
  }

  #noteWait(id: string): Disposable {
    const waits = this.#waitsOf(id);
    waits.begun += 1;
    this.#changes.emit(`wait:${id}`);
    return {
      [Symbol.dispose]: () => {
        waits.ended += 1;
        this.#changes.emit(`wait:${id}`);
      },
    };
  }

  async #waitForEnd(id: string, signal: AbortSignal): Promise<void> {
    while (!isTerminal(this.#find(id).state)) await once(this.#changes, id, { signal });
  }

  #find(id: string): Run {
    const run = this.#runs.get(id);
    if (run === undefined) throw runNotFound(id);
    return run;
  }

  #keep(run: Run): Run {
    const story = this.#events.get(run.id) ?? [];
    story.push({ sequence: story.length + 1, at: run.changedAt, type: "state", message: `Now ${run.state}.` });
    this.#events.set(run.id, story);
    this.#runs.set(run.id, run);
    this.#changes.emit(run.id);
    return run;
  }

  #logPath(id: string, learner: number): string {
    return join(this.#directory, `${this.#find(id).id}-${learner}.txt`);
  }
}

function isWanted(run: Run, query: ListQuery): boolean {
  return (
    (run.deletedAt !== null) === query.deleted &&
    (query.states.length === 0 || query.states.includes(run.state)) &&
    (query.name === null || run.spec.name.includes(query.name)) &&
    (query.idPrefix === null || run.id.startsWith(query.idPrefix))
  );
}

/** The manifest's text is the run's name, so that tests can tell runs apart. */
function submittedRun(request: SubmitRequest): Run {
  const bucket = { bucket: "mnist", name: null, connection: { type: "directory", root: null } } as const;
  return newRun({
    id: newRunId(),
    owner: request.principal.account,
    spec: {
      name: Buffer.from(request.manifest).toString("utf8"),
      description: null,
      author: null,
      framework: { name: "shell", version: "any", python: null, requirements: null },
      command: "true",
      devices: 1,
      learners: 1,
      data: bucket,
      results: {
        ...bucket,
        connection: { type: "s3", endpointUrl: "https://user:secret@s3.example.org/x", region: null },
      },
      cpus: null,
      memoryBytes: null,
      deviceType: null,
      checkpoints: "run",
      ...NO_WISHES,
      evaluationMetrics: null,
    },
    definitionSha256: request.sha256,
    definitionSizeBytes: definitionSize(request.zip),
    submittedAt: new Date(),
    warnings: [],
  });
}
