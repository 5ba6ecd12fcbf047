const KEPT = 40;

/** What happened, in order: a hash of all lines and the last of them. */
export class Trace {
  lines = 0;
  #hash = 0x811c9dc5;
  readonly #last: string[] = [];
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void = () => {}) {
    this.#onLine = onLine;
  }

  add(line: string): void {
    this.lines += 1;
    this.#onLine(line);
    // FNV-1a over UTF-16 units.
    let hash = this.#hash;
    for (let i = 0; i < line.length; i += 1) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    this.#hash = Math.imul(hash ^ 10, 0x01000193);
    this.#last[this.lines % KEPT] = line;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** Oldest first. */
  last(): readonly string[] {
    const from = (this.lines % KEPT) + 1;
    return [...this.#last.slice(from), ...this.#last.slice(0, from)].filter((line) => line !== undefined);
  }
}
