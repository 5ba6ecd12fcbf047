import { openStoredLog, type LogBytes } from "./archive/stored-log.ts";
import { watchLog } from "./log-file.ts";
import { serveLog, type LogPiece, type LogPlace } from "./served-log.ts";

/** A log as its run has it at one moment. */
export interface LogFacts extends LogPlace {
  /** The attempt that the run is at. */
  readonly presentAttempt: number;
  /** Grows with every change of the run. */
  readonly version: number;
}

/** Tells a hub of the run behind its log. */
export interface LogSource {
  look(): Promise<LogFacts>;
  /** Resolves once the run's version is greater than `version`; rejects when aborted. */
  changed(version: number, signal: AbortSignal): Promise<unknown>;
}

const EMPTIED: LogPiece = { kind: "emptied", bytes: Buffer.alloc(0), next: 0 };

interface KeptPiece {
  readonly begin: number;
  readonly piece: LogPiece;
}

/** What is kept for the followers that are not quite at the end. */
const RING_BYTES = 1024 * 1024;
const RING_PIECES = 512;
const PIECE_BYTES = 65_536;

/**
 * A program may write a thousand times a second, and each look costs every follower a piece of its own. So the first
 * byte after silence is looked for at once, and what comes right behind it goes together.
 */
const PACE_MS = 8;

/**
 * Gives one log to all who follow it: however many they are, there is one watch, and each new byte is read once. Followers
 * pull, so one that does not read costs nothing; one that has fallen behind what is kept here reads the file by itself, a
 * piece at a time, until it has caught up. Nothing here can hold up the program: it writes into its file.
 */
export class LogHub implements Disposable {
  readonly #source: LogSource;
  readonly #over = new AbortController();
  /** Pieces that join on to each other, the newest last. */
  #ring: KeptPiece[] = [];
  #ringBytes = 0;
  /** Behind the newest piece. */
  #end = 0;
  #facts: LogFacts | null = null;
  #error: unknown = null;
  /** Held, so that a log that is set aside or shortened while it is read stays the one it was. Null until there is a file. */
  #file: LogBytes | null = null;
  #reading: Promise<boolean> | null = null;
  /** Grows whenever the log may have. */
  #epoch = 0;
  /** The epoch in which the last reading that found nothing began, and whether the log was complete then. */
  #exhausted: { readonly epoch: number; readonly isComplete: boolean } | null = null;
  readonly #waiting = new Set<() => void>();
  #lookedAtMs = -PACE_MS;
  #pace: NodeJS.Timeout | null = null;

  constructor(source: LogSource) {
    this.#source = source;
    void this.#watch();
  }

  /** Of the run as it was last seen; null before the first piece. */
  get facts(): LogFacts | null {
    return this.#facts;
  }

  /**
   * The piece that begins at `from`: waits for it, at most `idleMs` ("idle" then). Null when the log is complete and has no
   * more. Rejects when aborted, and with what the source rejects with. Each follower asks for one piece at a time.
   */
  async next(from: number, signal: AbortSignal, idleMs: number): Promise<LogPiece | "idle" | null> {
    const deadlineMs = performance.now() + idleMs;
    for (;;) {
      signal.throwIfAborted();
      if (this.#error !== null) throw this.#error;
      if (this.#facts !== null) {
        const kept = this.#kept(from) ?? (from < this.#end ? await this.#read(from, this.#facts) : null);
        if (kept !== null) return kept;
        if (from !== this.#end) this.#beginAt(from);
        if (this.#exhausted?.epoch !== this.#epoch) {
          const isEmptied = await (this.#reading ??= this.#readOn().finally(() => (this.#reading = null)));
          if (isEmptied && from === this.#end) return EMPTIED;
          continue;
        }
        if (this.#exhausted.isComplete) return null;
      }
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) return "idle";
      await this.#wait(leftMs, signal);
    }
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    if (this.#pace !== null) clearTimeout(this.#pace);
    void this.#file?.close();
  }

  #kept(from: number): LogPiece | null {
    for (let i = this.#ring.length - 1; i >= 0; i -= 1) {
      const { begin, piece } = this.#ring[i] as KeptPiece;
      if (begin === from) return piece;
      if (begin > from) continue;
      if (from >= piece.next || piece.kind !== "bytes") return null;
      return { ...piece, bytes: piece.bytes.subarray(from - begin) };
    }
    return null;
  }

  #beginAt(offset: number): void {
    this.#ring = [];
    this.#ringBytes = 0;
    this.#end = offset;
    this.#exhausted = null;
  }

  /** Takes in what follows; true when the log has become shorter than it was. */
  async #readOn(): Promise<boolean> {
    const epoch = this.#epoch;
    const begin = this.#end;
    const facts = this.#facts as LogFacts;
    const piece = await this.#read(begin, facts);
    // Somebody has begun elsewhere meanwhile.
    if (begin !== this.#end) return false;
    if (piece === null) {
      this.#exhausted = { epoch, isComplete: facts.isComplete };
      return false;
    }
    if (piece.kind !== "emptied") {
      this.#keep(begin, piece);
      return false;
    }
    // What is kept is of the log before; those who wait at another place find out by themselves.
    this.#beginAt(begin);
    return true;
  }

  #keep(begin: number, piece: LogPiece): void {
    this.#ring.push({ begin, piece });
    this.#ringBytes += piece.bytes.length;
    this.#end = piece.next;
    while (this.#ringBytes > RING_BYTES || this.#ring.length > RING_PIECES) {
      this.#ringBytes -= this.#ring.shift()?.piece.bytes.length ?? 0;
    }
  }

  async #read(from: number, facts: LogFacts): Promise<LogPiece | null> {
    const file = this.#file ?? (await this.#open(facts));
    if (file === null) return null;
    const { size } = await file.stat();
    const log = await serveLog(facts, file, size);
    if (log.writtenBytes < from) return EMPTIED;
    return log.read(from, PIECE_BYTES);
  }

  async #open(facts: LogFacts): Promise<LogBytes | null> {
    const found = await openStoredLog(facts.path);
    if (found === null) return null;
    // Where the attempt's log was when it was looked for there may be another's by now.
    const now = await this.#source.look();
    if (now.path === facts.path && this.#file === null && !this.#over.signal.aborted) {
      this.#file = found.handle;
      return found.handle;
    }
    await found.handle.close();
    return this.#over.signal.aborted ? null : (this.#file ?? this.#open(now));
  }

  /** Keeps the facts up to date, and the watch where the log is, until the log is complete or nobody follows it. */
  async #watch(): Promise<void> {
    const { signal } = this.#over;
    let path: string | null = null;
    let watching: Disposable | null = null;
    try {
      while (!signal.aborted) {
        const facts = await this.#source.look();
        if (facts.path !== path) {
          watching?.[Symbol.dispose]();
          path = facts.path;
          watching = watchLog(path, () => this.#wakeAtPace());
        }
        this.#facts = facts;
        this.#wake();
        if (facts.isComplete) return;
        await this.#source.changed(facts.version, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#error = error;
      this.#wake();
    } finally {
      watching?.[Symbol.dispose]();
    }
  }

  #wakeAtPace(): void {
    if (this.#pace !== null) return;
    const leftMs = this.#lookedAtMs + PACE_MS - performance.now();
    const wake = (): void => {
      this.#pace = null;
      this.#lookedAtMs = performance.now();
      this.#wake();
    };
    if (leftMs <= 0) wake();
    else this.#pace = setTimeout(wake, leftMs);
  }

  #wake(): void {
    this.#epoch += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting.add(wake);
    });
  }
}
