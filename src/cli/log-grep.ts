import { createContext, Script } from "node:vm";
import { CliError, wrongUse } from "./cli-error.ts";

/** For the lines of one part of a log: a pattern that needs longer would need it for ever. */
const PATIENCE_MS = 2000;
/** A longer line is looked at in parts of this length. */
const LONGEST_LINE = 1_048_576;

/** Lets the lines of a log through that match a pattern, as they look after a progress bar has redrawn them. */
export class LogGrep {
  readonly #pattern: RegExp;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(pattern: string) {
    try {
      this.#pattern = new RegExp(pattern);
    } catch (error) {
      throw wrongUse(
        `'${pattern}' is no regular expression: ${(error as Error).message}`,
        "Write one as JavaScript has them.",
      );
    }
  }

  /** What is shown of the bytes, those before included; a line that is not whole waits for its end. */
  push(bytes: Uint8Array): string {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LONGEST_LINE) {
      lines.push(this.#rest);
      this.#rest = "";
    }
    return this.#matching(lines);
  }

  /** The last line, which may have no end. */
  end(): string {
    const last = this.#rest + this.#decoder.decode();
    this.#rest = "";
    return last === "" ? "" : this.#matching([last]);
  }

  #matching(lines: readonly string[]): string {
    const seen = lines.map((line) => line.split("\r").findLast((state) => state !== "") ?? "");
    try {
      const script = new Script("lines.filter((line) => pattern.test(line))");
      const context = createContext({ lines: seen, pattern: this.#pattern });
      const found = script.runInContext(context, { timeout: PATIENCE_MS }) as string[];
      return found.map((line) => `${line}\n`).join("");
    } catch (error) {
      // Of another realm perhaps, so no instance of our own `Error`.
      if ((error as { readonly code?: unknown }).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
      throw new CliError(
        2,
        `The pattern '${this.#pattern.source}' takes too long on a line of this log.`,
        "Avoid repetitions within repetitions, as in (a+)+.",
      );
    }
  }
}
