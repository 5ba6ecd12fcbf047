import type { TokenRecord } from "../store.ts";

/** Tokens remembered. Each is asked for with every request of whoever has it. */
const MOST = 256;

/**
 * The tokens that were asked for lately, so that a request costs no look into the database. Exact while nobody else writes to the
 * file, which the lock of the home sees to: what is written through this store is forgotten here.
 */
export class TokenMemory {
  readonly #known = new Map<string, TokenRecord>();
  #writes = 0;

  async find(sha256: string, read: () => Promise<TokenRecord | undefined>): Promise<TokenRecord | undefined> {
    const known = this.#known.get(sha256);
    if (known !== undefined) return known;
    const writes = this.#writes;
    const found = await read();
    // What was read while somebody wrote may be what stood there before.
    if (found === undefined || writes !== this.#writes) return found;
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(sha256, found);
    return found;
  }

  /** Before tokens are written, and again afterwards, however that ended. */
  forgetAll(): void {
    this.#writes += 1;
    this.#known.clear();
  }
}
