import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { detached } from "./cli-error.ts";

/** One line from the terminal, without an echo. Ctrl-C gives up. */
export async function readHiddenLine(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  // The terminal itself does not echo while readline has it; readline would, into its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    return await lines.question("");
  } catch {
    // The only way this fails: Ctrl-C, or a terminal that went away.
    throw detached("Nothing was kept.", "");
  } finally {
    lines.close();
    process.stderr.write("\n");
  }
}
