import type { ObjectPart } from "./object-parts.ts";
import type { RangeAnswer, RangeSink } from "./range-reads.ts";

/** Where the bytes of a part go; a promise asks for patience. */
export type Take = (piece: Buffer) => Promise<void> | undefined;

interface PartRules {
  begin(answer: RangeAnswer): void;
  /** Everything comes instead of the first range, which is then all there is. */
  extend(): void;
  /** There were more bytes than belong to the part. */
  overflow(): void;
  spend(bytes: number): Promise<void> | undefined;
}

/** Lets through what belongs to a part, whatever the server sends, and remembers what was thrown on this side. */
export class PartSink implements RangeSink {
  readonly #part: ObjectPart;
  readonly #take: Take;
  readonly #rules: PartRules;
  #toSkip = 0;
  failed: { readonly error: unknown } | undefined;

  constructor(part: ObjectPart, take: Take, rules: PartRules) {
    this.#part = part;
    this.#take = take;
    this.#rules = rules;
  }

  begin(answer: RangeAnswer): void {
    try {
      this.#rules.begin(answer);
      const part = this.#part;
      if (part.start === 0 && answer.start === 0 && (answer.end ?? 0) > part.end) this.#rules.extend();
      this.#toSkip = part.at - answer.start;
    } catch (error) {
      this.#fail(error);
    }
  }

  take(piece: Buffer): Promise<void> | undefined {
    try {
      const skipped = Math.min(this.#toSkip, piece.length);
      this.#toSkip -= skipped;
      const left = this.#part.end - this.#part.at;
      if (piece.length - skipped > left) this.#rules.overflow();
      const wanted = piece.subarray(skipped, skipped + left);
      if (wanted.length === 0) return undefined;
      const patience = this.#take(wanted);
      this.#part.at += wanted.length;
      const pause = this.#rules.spend(wanted.length);
      if (patience === undefined && pause === undefined) return undefined;
      return Promise.all([patience, pause]).then(
        () => undefined,
        (error: unknown) => this.#fail(error),
      );
    } catch (error) {
      return this.#fail(error);
    }
  }

  #fail(error: unknown): never {
    this.failed ??= { error };
    throw error;
  }
}
