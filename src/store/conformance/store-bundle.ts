import type { Store } from "../store.ts";

/** A store of its own for one test. */
export interface StoreBundle extends AsyncDisposable {
  readonly store: Store;
  /** Closes the store and opens the same durable state again. */
  reopen(): Promise<Store>;
}

export type OpenStore = () => Promise<StoreBundle>;
