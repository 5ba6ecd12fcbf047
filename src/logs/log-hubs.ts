import { LogHub, type LogSource } from "./log-hub.ts";

/** The hubs of the logs that somebody follows: one for each log, for as long as it has followers. */
export class LogHubs {
  readonly #hubs = new Map<string, { readonly hub: LogHub; followers: number }>();

  /** The hub of a log, `source` being asked only by the first of its followers. Dispose what you get when you follow it no longer. */
  follow(key: string, source: LogSource): { readonly hub: LogHub } & Disposable {
    const followed = this.#hubs.get(key) ?? { hub: new LogHub(source), followers: 0 };
    this.#hubs.set(key, followed);
    followed.followers += 1;
    let isFollowing = true;
    return {
      hub: followed.hub,
      [Symbol.dispose]: () => {
        if (!isFollowing) return;
        isFollowing = false;
        followed.followers -= 1;
        if (followed.followers > 0) return;
        this.#hubs.delete(key);
        followed.hub[Symbol.dispose]();
      },
    };
  }
}
