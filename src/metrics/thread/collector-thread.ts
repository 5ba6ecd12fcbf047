import { Worker } from "node:worker_threads";
import type { Collected } from "../collector.ts";
import type { Answer, Ask } from "./collector-messages.ts";
import type { CollectorOrder } from "./collector-order.ts";

/** A collector that lives in the thread. Its calls must not overlap. */
export interface RemoteCollector extends Disposable {
  /** As `Collector.push` and `finish` (null), with the offset after it. The bytes belong to the thread from then on. */
  push(bytes: Uint8Array<ArrayBuffer> | null, seenAt: Date): Promise<Collected & { readonly safeOffset: number }>;
}

/** The thread has gone; a collector must be ordered anew, and its source read again from the last safe offset. */
export class CollectorThreadEnded extends Error {}

interface Question {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * All collectors of a server in one thread, which begins with the first of them. Should the thread fail, for want of
 * memory, say, who waits for it is told, and the next order begins a new one.
 */
export class CollectorThread implements AsyncDisposable {
  #worker: Worker | null = null;
  #next = 1;
  readonly #questions = new Map<number, Question>();

  order(order: CollectorOrder): RemoteCollector {
    const worker = (this.#worker ??= this.#start());
    const collector = this.#next++;
    const ask = (question: Ask, moved: readonly ArrayBuffer[] = []): void => worker.postMessage(question, moved);
    ask({ kind: "open", collector, order });
    return {
      push: async (bytes, seenAt) => {
        if (worker !== this.#worker) throw new CollectorThreadEnded("The thread of this collector has ended.");
        const question = this.#next++;
        const { promise, resolve, reject } = Promise.withResolvers<Answer>();
        this.#questions.set(question, { resolve, reject });
        // While somebody waits the thread keeps the process alive, and only then.
        worker.ref();
        ask({ kind: "push", collector, question, bytes, seenAt }, bytes === null ? [] : [bytes.buffer]);
        return promise;
      },
      [Symbol.dispose]: () => ask({ kind: "close", collector }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    // Compiled or not, the worker lies beside this file under the same ending.
    const file = new URL(import.meta.url.replace(/collector-thread\.(\w+)$/u, "collector-worker.$1"));
    const worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: 128 } });
    worker.unref();
    worker.on("message", (answer: Answer) => {
      const question = this.#questions.get(answer.question);
      this.#questions.delete(answer.question);
      if (this.#questions.size === 0) worker.unref();
      question?.resolve(answer);
    });
    worker.on("error", (error) => this.#ended(worker, error));
    worker.on("exit", () => this.#ended(worker, new Error("it was ended")));
    return worker;
  }

  #ended(worker: Worker, error: Error): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    const waiting = [...this.#questions.values()];
    this.#questions.clear();
    for (const { reject } of waiting) reject(new CollectorThreadEnded(error.message, { cause: error }));
  }
}
