import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { mkdir, rm, writeFile } from "../../base/world-files.ts";
import type { Run } from "../../domain/run.ts";
import { isTerminal } from "../../domain/run-state.ts";
import { archiveLog } from "../../logs/archive-log.ts";
import { messageOf } from "../run/failures.ts";
import { learnerFolderOf } from "../run/past-logs.ts";
import { learnersOf, runDirectory, TRAINING_LOG } from "../run/run-directory.ts";
import type { ServiceLog } from "../run/service-log.ts";

/** Smaller logs are left as they are: there is little to gain. */
const MIN_BYTES = 1024 * 1024;

export interface LogArchivingParts {
  readonly home: string;
  readonly log: ServiceLog;
  /** Undefined for a run that is gone. */
  readonly store: { findRun(id: string): Promise<Run | undefined> };
}

/**
 * Puts archives in the place of the large logs of ended runs whose results are stored, one after the other in the background.
 * What is due is noted as a file in the home first, so a server that starts goes on with what the one before has left.
 */
export class LogArchiving {
  readonly #parts: LogArchivingParts;
  readonly #ending = new AbortController();
  readonly #due = new Set<string>();
  #work: Promise<void> | null = null;

  constructor(parts: LogArchivingParts) {
    this.#parts = parts;
  }

  /** Takes up what a server before this one has left. */
  async start(): Promise<void> {
    const left = await readdir(this.#folder()).catch(() => []); // None before the first.
    for (const id of left) this.#begin(id);
  }

  /** Resolves when what is under way has been let go of; it is begun anew by the next server. */
  async stop(): Promise<void> {
    this.#ending.abort(new Error("The server is ending."));
    await this.#work;
  }

  /** Of a run that is ending or has ended and whose results are stored. May be repeated. Never rejects. */
  async request(run: Run): Promise<void> {
    const { home, log } = this.#parts;
    try {
      const sizes = await Promise.all(logsOf(home, run).map(async (path) => lstat(path).catch(() => null)));
      if (!sizes.some((facts) => facts !== null && facts.size >= MIN_BYTES)) return;
      await mkdir(this.#folder(), { recursive: true });
      await writeFile(join(this.#folder(), run.id), "");
      this.#begin(run.id);
    } catch (error) {
      // A log that is not archived is a log all the same.
      log.warn({ runId: run.id, error: messageOf(error) }, "the logs of a run will not be archived");
    }
  }

  #begin(id: string): void {
    this.#due.add(id);
    this.#work ??= this.#archiveAll().finally(() => {
      this.#work = null;
      const [late] = this.#due;
      if (late !== undefined && !this.#ending.signal.aborted) this.#begin(late);
    });
  }

  async #archiveAll(): Promise<void> {
    const { log } = this.#parts;
    const { signal } = this.#ending;
    for (const id of this.#due) {
      if (signal.aborted) return;
      this.#due.delete(id);
      try {
        await this.#archive(id, signal);
        await rm(join(this.#folder(), id), { force: true });
      } catch (error) {
        // Noted still: the next server tries again.
        if (!signal.aborted)
          log.warn({ runId: id, error: messageOf(error) }, "the logs of a run could not be archived");
      }
    }
  }

  async #archive(id: string, signal: AbortSignal): Promise<void> {
    const { home, store } = this.#parts;
    const run = await store.findRun(id);
    if (run === undefined || !isTerminal(run.state) || run.results === null) return;
    for (const path of logsOf(home, run)) await archiveLog(path, MIN_BYTES, signal);
  }

  #folder(): string {
    return join(this.#parts.home, "log-archiving");
  }
}

/** Of all attempts and learners. */
function logsOf(home: string, run: Run): readonly string[] {
  const directory = runDirectory(home, run.id);
  return Array.from({ length: run.attempt }, (_, index) => index + 1).flatMap((attempt) =>
    learnersOf(run).map((learner) => join(learnerFolderOf(directory, run, attempt, learner), TRAINING_LOG)),
  );
}
