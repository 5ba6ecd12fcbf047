import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { EtagOrder, EtagReport } from "./etag-thread.ts";

/** The main thread and the disk keep up with no more of them than this. */
const MAX_THREADS = 4;

/** A step that is worth a message to the thread. */
const STEP_BYTES = 2 * 1024 * 1024;

/** The ETag of one file, computed beside its being written. */
export interface FileEtag {
  /** All bytes before `upTo` have been written. May be called with the same or a smaller place again. */
  advance(upTo: number): void;
  /** Once, after the last `advance`. */
  digest(): Promise<string>;
  /** Lets go of the file; may be called at any time and again. */
  leave(): void;
}

/**
 * Threads for checksums of large files, because MD5 in the main thread would hold up everything else there. They start
 * with the first file and do not keep the process alive once they have nothing to do.
 */
class EtagThreads {
  readonly #threads: EtagThread[] = [];
  readonly #most = Math.min(MAX_THREADS, availableParallelism());

  start(path: string, sizeBytes: number, partBytes: number | null): FileEtag {
    return this.#leastBusy().open(path, sizeBytes, partBytes);
  }

  #leastBusy(): EtagThread {
    const idle = this.#threads.find((thread) => thread.files === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#most) {
      const thread = new EtagThread(() => this.#threads.splice(this.#threads.indexOf(thread), 1));
      this.#threads.push(thread);
      return thread;
    }
    return this.#threads.reduce((least, thread) => (thread.files < least.files ? thread : least));
  }
}

const threads = new EtagThreads();

/** Begins to compute the ETag of a file that is there already, if only empty. `partBytes` as for `EtagBuilder`. */
export function startFileEtag(path: string, sizeBytes: number, partBytes: number | null): FileEtag {
  return threads.start(path, sizeBytes, partBytes);
}

class EtagThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (report: EtagReport | Error) => void>();
  #lastId = 0;
  /** Under way here. */
  files = 0;

  constructor(onEnd: () => void) {
    // The ending is that of this file: `.ts` from the sources, `.js` in the package.
    const ending = import.meta.url.slice(import.meta.url.lastIndexOf("."));
    this.#worker = new Worker(new URL(`./etag-thread${ending}`, import.meta.url), { name: "checksums" });
    this.#worker.unref();
    this.#worker.on("message", (report: EtagReport) => this.#waiting.get(report.id)?.(report));
    let hasEnded = false;
    const end = (error: Error): void => {
      // An error comes first and the exit after it.
      if (!hasEnded) onEnd();
      hasEnded = true;
      for (const settle of this.#waiting.values()) settle(error);
    };
    this.#worker.once("error", (error) => end(error as Error));
    this.#worker.once("exit", () => end(new Error("The thread for checksums has ended.")));
  }

  open(path: string, sizeBytes: number, partBytes: number | null): FileEtag {
    this.#lastId += 1;
    const id = this.#lastId;
    const report = Promise.withResolvers<string>();
    // Whoever leaves the file never asks.
    report.promise.catch(() => {});
    let isOpen = true;
    const settle = (): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#waiting.delete(id);
      this.files -= 1;
      if (this.files === 0) this.#worker.unref();
    };
    this.#waiting.set(id, (told) => {
      settle();
      if (told instanceof Error) report.reject(told);
      else if ("failed" in told) report.reject(new Error(told.failed));
      else report.resolve(told.etag);
    });
    this.files += 1;
    if (this.files === 1) this.#worker.ref();
    this.#say({ kind: "open", id, path, partBytes });
    let told = 0;
    return {
      advance: (upTo) => {
        if (upTo < told + STEP_BYTES && upTo < sizeBytes) return;
        told = upTo;
        this.#say({ kind: "advance", id, upTo });
      },
      digest: async () => {
        this.#say({ kind: "digest", id });
        return report.promise;
      },
      leave: () => {
        if (isOpen) this.#say({ kind: "leave", id });
        settle();
      },
    };
  }

  #say(order: EtagOrder): void {
    // oxlint-disable-next-line require-post-message-target-origin -- that is for windows of a browser, not for threads
    this.#worker.postMessage(order);
  }
}
