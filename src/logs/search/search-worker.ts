// Runs in a thread of its own: a pattern of a user may take long, and nobody else should wait for it.
import { createContext, Script } from "node:vm";
import { parentPort } from "node:worker_threads";
import type { LineMatch, SearchAnswer, SearchAsk } from "./search-messages.ts";

/** For the lines of 256 kB. A sound pattern takes a few milliseconds. */
const LIMIT_MS = 500;

const SEARCH = new Script(`
  lines.flatMap((text, line) => {
    const index = text.search(pattern);
    return index === -1 ? [] : [{ line, index }];
  })
`);

const context = createContext({ lines: [] as readonly string[], pattern: /(?:)/u });

/** V8 checks while it backtracks whether the time is up. */
function search({ pattern, text }: SearchAsk): readonly LineMatch[] | null {
  context["lines"] = text.split("\n");
  context["pattern"] = new RegExp(pattern, "mu");
  try {
    return (SEARCH.runInContext(context, { timeout: LIMIT_MS }) as LineMatch[]).map(({ line, index }) => ({
      line,
      index,
    }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return null;
    throw error;
  }
}

parentPort?.on("message", (ask: SearchAsk) => {
  const answer: SearchAnswer = { question: ask.question, found: search(ask) };
  parentPort?.postMessage(answer, []);
});
