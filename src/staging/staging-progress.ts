import { formatBytes } from "../base/byte-size.ts";
import type { Clock } from "../base/clock.ts";

/** How far the data of one run has come. */
export interface ProgressFigures {
  /** Of those that are in place, from the cache or the store. */
  readonly objects: number;
  readonly sizeBytes: number;
  /** What the listing has named so far; `isListed` says that it is all. */
  readonly wantedObjects: number;
  readonly wantedBytes: number;
  readonly isListed: boolean;
  /** Of the bytes that come from the store. */
  readonly bytesPerSecond: number;
  /** Null while it cannot be told. */
  readonly secondsLeft: number | null;
}

/** Counts while data comes, from the listing to the last object. */
export class StagingProgress {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  readonly #startedMs: number;
  #wantedObjects = 0;
  #wantedBytes = 0;
  #isListed = false;
  #cachedObjects = 0;
  #cachedBytes = 0;
  #broughtObjects = 0;
  /** Of whole objects. */
  #broughtBytes = 0;
  /** Bytes as they move, also of halves and of those that come again. */
  #movedBytes = 0;

  /** Rejects a listing of more than `limitBytes`. */
  constructor(clock: Clock, limitBytes = Infinity) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
    this.#startedMs = clock.monotonicMs();
  }

  /** Of what is begun anew nothing counts. */
  startOver(): void {
    this.#wantedObjects = 0;
    this.#wantedBytes = 0;
    this.#isListed = false;
    this.#cachedObjects = 0;
    this.#cachedBytes = 0;
    this.#broughtObjects = 0;
    this.#broughtBytes = 0;
  }

  get cachedObjects(): number {
    return this.#cachedObjects;
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  get elapsedMs(): number {
    return this.#clock.monotonicMs() - this.#startedMs;
  }

  listed(sizeBytes: number): void {
    this.#wantedObjects += 1;
    this.#wantedBytes += sizeBytes;
    if (this.#wantedBytes > this.#limitBytes) throw new Error(`It is more than ${formatBytes(this.#limitBytes)}.`);
  }

  listedAll(): void {
    this.#isListed = true;
  }

  cached(objects: number, sizeBytes: number): void {
    this.#cachedObjects += objects;
    this.#cachedBytes += sizeBytes;
  }

  moved(sizeBytes: number): void {
    this.#movedBytes += sizeBytes;
  }

  brought(sizeBytes: number): void {
    this.#broughtObjects += 1;
    this.#broughtBytes += sizeBytes;
  }

  figures(): ProgressFigures {
    const bytesPerSecond = this.#movedBytes / Math.max(0.001, this.elapsedMs / 1000);
    // Bytes that came twice must not make it look done.
    const arrived = Math.max(this.#broughtBytes, Math.min(this.#movedBytes, this.#wantedBytes - this.#cachedBytes));
    const leftBytes = Math.max(0, this.#wantedBytes - this.#cachedBytes - arrived);
    const isTold = this.#isListed && bytesPerSecond > 0;
    return {
      objects: this.#cachedObjects + this.#broughtObjects,
      sizeBytes: this.#cachedBytes + arrived,
      wantedObjects: this.#wantedObjects,
      wantedBytes: this.#wantedBytes,
      isListed: this.#isListed,
      bytesPerSecond: Math.round(bytesPerSecond),
      secondsLeft: isTold ? Math.ceil(leftBytes / bytesPerSecond) : null,
    };
  }
}
