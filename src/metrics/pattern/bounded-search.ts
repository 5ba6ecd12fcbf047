import { createContext, Script } from "node:vm";

/** One place where the pattern was found. */
export interface Found {
  readonly index: number;
  readonly groups: Readonly<Record<string, string | undefined>>;
}

/** More in one text would be a pattern that matches nothing much, everywhere. */
const MAX_FOUND = 100;

const SEARCH = new Script(`
  texts.map((text) => {
    const found = [];
    pattern.lastIndex = 0;
    for (let match; found.length < ${MAX_FOUND} && (match = pattern.exec(text)) !== null; ) {
      found.push({ index: match.index, groups: { ...match.groups } });
      if (match[0] === "") pattern.lastIndex += 1;
    }
    return found;
  })
`);

/** How long one text of at most 64 kB may take. A sound pattern takes microseconds. */
const TEXT_LIMIT_MS = 50;
const BATCH_LIMIT_MS = 200;
const LONGEST_TRY_MS = 3200;
const MAX_STRIKES = 3;

/**
 * Searches texts with a pattern that a user wrote, in bounded time: V8 checks while it backtracks whether its time is
 * up. A text that takes too long counts as one without a match; after three of them the pattern is given up.
 * It blocks its thread for that time, so it belongs into a thread of its own.
 */
export class BoundedSearch {
  readonly #pattern: RegExp;
  readonly #context = createContext({ texts: [] as readonly string[], pattern: null as RegExp | null });
  #strikes = 0;

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  get isGivenUp(): boolean {
    return this.#strikes >= MAX_STRIKES;
  }

  /** What was found in each text, in order. */
  search(texts: readonly string[]): readonly (readonly Found[])[] {
    if (this.isGivenUp) return texts.map(() => []);
    const all = this.#run(texts, BATCH_LIMIT_MS);
    if (all !== null) return all;
    return texts.map((text) => {
      if (this.isGivenUp) return [];
      const found = this.#searchOne(text);
      if (found === null) this.#strikes += 1;
      return found?.[0] ?? [];
    });
  }

  /** V8's limit is by the clock. On a busy machine the time may have gone to others, and the pattern is not at fault. */
  #searchOne(text: string): readonly (readonly Found[])[] | null {
    for (let timeout = TEXT_LIMIT_MS; timeout <= LONGEST_TRY_MS; timeout *= 2) {
      const before = process.threadCpuUsage();
      const found = this.#run([text], timeout);
      const { user, system } = process.threadCpuUsage(before);
      if (found !== null || (user + system) / 1000 >= TEXT_LIMIT_MS / 2) return found;
    }
    return null;
  }

  #run(texts: readonly string[], timeout: number): readonly (readonly Found[])[] | null {
    this.#context["texts"] = texts;
    this.#context["pattern"] = this.#pattern;
    try {
      return SEARCH.runInContext(this.#context, { timeout }) as readonly (readonly Found[])[];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return null;
      throw error;
    }
  }
}
