import { Worker } from "node:worker_threads";
import type { LineMatch, SearchAnswer, SearchAsk } from "./search-messages.ts";

interface Question {
  readonly resolve: (found: readonly LineMatch[] | null) => void;
  readonly reject: (error: Error) => void;
}

/** Searches with patterns of users, all in one thread that begins with the first and ends when there are none. */
export class SearchThread {
  #worker: Worker | null = null;
  #next = 1;
  readonly #questions = new Map<number, Question>();

  /** The first place in each line of the text; null when the pattern takes too long. The pattern is one that compiles. */
  async search(pattern: string, text: string): Promise<readonly LineMatch[] | null> {
    const worker = (this.#worker ??= this.#start());
    const ask: SearchAsk = { question: this.#next++, pattern, text };
    const { promise, resolve, reject } = Promise.withResolvers<readonly LineMatch[] | null>();
    this.#questions.set(ask.question, { resolve, reject });
    worker.ref();
    worker.postMessage(ask, []);
    return promise;
  }

  #start(): Worker {
    // Compiled or not, the worker lies beside this file under the same ending.
    const file = new URL(import.meta.url.replace(/search-thread\.(\w+)$/u, "search-worker.$1"));
    const worker = new Worker(file, { resourceLimits: { maxOldGenerationSizeMb: 128 } });
    worker.unref();
    worker.on("message", ({ question, found }: SearchAnswer) => {
      this.#questions.get(question)?.resolve(found);
      this.#questions.delete(question);
      if (this.#questions.size === 0) worker.unref();
    });
    const ended = (error: Error): void => {
      if (worker !== this.#worker) return;
      this.#worker = null;
      for (const { reject } of this.#questions.values()) reject(error);
      this.#questions.clear();
    };
    worker.on("error", ended);
    worker.on("exit", () => ended(new Error("The thread that searches logs has ended.")));
    return worker;
  }
}
