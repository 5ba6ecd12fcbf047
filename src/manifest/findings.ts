import { MANIFEST_LIMITS } from "./limits.ts";
import type { Problem, ProblemCode } from "./problem.ts";

/** A place in the text by its offset (UTF-16 units), and the path of keys that leads there. */
export interface Spot {
  readonly offset: number;
  readonly path: string;
}

interface Finding {
  readonly code: ProblemCode;
  readonly spot: Spot | null;
  readonly message: string;
  readonly hint: string;
}

/**
 * Collects problems and warnings while a manifest is read. They are kept by offset and get line and column at the
 * end, in one pass over the text, so that a document with many problems costs no more than one with few.
 */
export class Findings {
  /**
   * The manifest is converted and not run: placeholders of templates (`<password>`, `${KEY}`), which are problems
   * everywhere else, pass as values, and what a spec does not keep is warned of.
   */
  readonly forConversion: boolean;
  readonly #problems: Finding[] = [];
  readonly #warnings: Finding[] = [];
  #untold = 0;

  constructor(options: { readonly forConversion?: boolean } = {}) {
    this.forConversion = options.forConversion ?? false;
  }

  /** No further problem will be told; callers may leave out costly advice. */
  get isFull(): boolean {
    return this.#problems.length >= MANIFEST_LIMITS.findings;
  }

  /** No further warning will be told. */
  get isFullOfWarnings(): boolean {
    return this.#warnings.length >= MANIFEST_LIMITS.findings;
  }

  get hasProblems(): boolean {
    return this.#problems.length > 0;
  }

  /** `spot` null is for what has no one place, such as the size of the file. */
  problem(code: ProblemCode, spot: Spot | null, message: string, hint: string): void {
    if (this.isFull) this.#untold += 1;
    else this.#problems.push({ code, spot, message, hint });
  }

  warning(code: ProblemCode, spot: Spot | null, message: string, hint: string): void {
    if (!this.isFullOfWarnings) this.#warnings.push({ code, spot, message, hint });
  }

  /** In the order of the document. */
  problemsIn(text: string, file: string): Problem[] {
    const problems = located(this.#problems, text, file);
    if (this.#untold > 0) {
      const message = `The manifest has ${this.#untold} more problems.`;
      const hint = "Mend the ones above first, then check again.";
      problems.push({ code: "too_many_problems", message, hint, file, line: null, column: null, path: "" });
    }
    return problems;
  }

  warningsIn(text: string, file: string): Problem[] {
    return located(this.#warnings, text, file);
  }
}

function located(findings: readonly Finding[], text: string, file: string): Problem[] {
  let line = 1;
  let lineStart = 0;
  return findings
    .toSorted((a, b) => (a.spot?.offset ?? 0) - (b.spot?.offset ?? 0))
    .map(({ code, spot, message, hint }) => {
      if (spot === null) return { code, message, hint, file, line: null, column: null, path: "" };
      for (
        let end = text.indexOf("\n", lineStart);
        end !== -1 && end < spot.offset;
        end = text.indexOf("\n", lineStart)
      ) {
        line += 1;
        lineStart = end + 1;
      }
      return { code, message, hint, file, line, column: spot.offset - lineStart + 1, path: spot.path };
    });
}
