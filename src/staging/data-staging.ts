import { randomUUID } from "node:crypto";
import { join, relative } from "node:path";
import type { Clock } from "../base/clock.ts";
import { unmountBelow } from "../base/mounts.ts";
import { mkdir, rm } from "../base/world-files.ts";
import type { DataStore, StoredObject } from "../datastores/datastore.ts";
import { RemoteError } from "../datastores/remote-error.ts";
import type { TransferBudget } from "../datastores/transfer-budget.ts";
import type { DataSelection } from "../domain/training-spec.ts";
import { CacheKeeper } from "./cache-keeper.ts";
import { type BucketIdentity, nameScope, nameTree } from "./cache-names.ts";
import { chooseView } from "./choose-view.ts";
import { selects } from "./data-selection.ts";
import { DataTrees, filesOf, lookAtTree } from "./data-trees.ts";
import type { ChosenView, ViewPlace } from "./data-view.ts";
import { gather, type Gathered, type Order } from "./gathering.ts";
import { ObjectPool, rest } from "./object-pool.ts";
import { type ProgressFigures, StagingProgress } from "./staging-progress.ts";
import { Turns } from "./turns.ts";

/** After so long everything else of this process gets its turn. */
const TURN_MS = 5;

export interface DataStagingParts {
  readonly home: string;
  readonly clock: Clock;
  readonly budget: TransferBudget;
  /** What the cache may keep beyond what live runs use; null: half of the free space. */
  readonly maxBytes: number | null;
  /** For tests and those who know better; default: the best that works here. */
  readonly view?: ChosenView;
  onTrouble(error: unknown): void;
}

/** Some objects of a bucket, opened with the credentials of the run that wants them. */
export interface WantedData {
  readonly store: DataStore;
  readonly identity: BucketIdentity;
  readonly selection: DataSelection;
  /** Keys that are no data although they were selected; `name` tells one such rule from another. */
  readonly notData: { readonly name: string; matches(key: string): boolean } | null;
}

/** What came, and how. */
export interface StagedTree {
  /** Of the cache, relative to the home; empty when nothing matched. */
  readonly tree: string;
  readonly view: string;
  readonly objects: number;
  readonly sizeBytes: number;
  readonly cachedObjects: number;
  readonly cachedBytes: number;
  readonly durationMs: number;
  /** Objects that were not selected, and those that are no data. */
  readonly unselected: number;
  readonly notData: number;
  /** Objects that no file stands for; `reason` continues the sentence "the key ...". */
  readonly leftOut: readonly { readonly key: string; readonly reason: string }[];
  /** Keys of objects that were replaced after they had been listed. */
  readonly changed: readonly string[];
}

/** Of the cache as a whole; the last four since the server started. */
export interface CacheFigures {
  readonly sizeBytes: number;
  readonly maxBytes: number;
  readonly objects: number;
  readonly heldTrees: number;
  readonly hitObjects: number;
  readonly hitBytes: number;
  readonly missObjects: number;
  readonly missBytes: number;
}

/**
 * Brings training data into the cache and shows it to runs. A run's own credentials list the bucket each time, which
 * proves that it may see what it gets; an object is only asked for when the cache lacks what the listing names.
 *
 *   list ──▶ tree of just this listing? ──yes──▶ held for the run ──▶ shown in DATA_DIR
 *              │ no                                  ▲
 *              ▼ one at a time for each selection    │
 *            gather: pool + store ──▶ new tree ──────┘
 */
export class DataStaging {
  readonly #parts: DataStagingParts;
  readonly #temporary: string;
  readonly #pool: ObjectPool;
  readonly #trees: DataTrees;
  readonly #keeper: CacheKeeper;
  readonly #turns = new Turns((error) => error instanceof RemoteError && error.retryable);
  readonly #progress = new Map<string, StagingProgress>();
  /** Of whoever gathers for a selection; all who wait for it watch the same. */
  readonly #gathering = new Map<string, StagingProgress>();
  readonly #scopeOf = new Map<string, string>();
  /** Those who fetch for runs that wait. */
  readonly #ahead = new Map<string, AbortController>();
  readonly #count = { hitObjects: 0, hitBytes: 0, missObjects: 0, missBytes: 0 };
  #view: Promise<ChosenView> | undefined;

  constructor(parts: DataStagingParts) {
    this.#parts = parts;
    const root = join(parts.home, "cache");
    this.#temporary = join(root, "tmp");
    this.#pool = new ObjectPool(join(root, "objects"));
    this.#trees = new DataTrees(join(root, "trees"));
    const { maxBytes } = parts;
    this.#keeper = new CacheKeeper({
      pool: this.#pool,
      trees: this.#trees,
      temporary: this.#temporary,
      maxBytes,
      onTrouble: (error) => parts.onTrouble(error),
    });
  }

  /** Once, before anything is staged: removes what a server before left unfinished, and knows again what live runs use. */
  async open(held: Iterable<{ readonly holder: string; readonly tree: string }>): Promise<void> {
    for (const { holder, tree } of held) this.#keeper.hold(holder, join(this.#parts.home, tree));
    await unmountBelow(this.#temporary);
    await rm(this.#temporary, { recursive: true, force: true });
    await mkdir(this.#temporary, { recursive: true });
  }

  /** Counts what is there. May take its time: nothing waits for it but the making of room. */
  async measure(): Promise<void> {
    await this.#keeper.open();
  }

  /** The means by which data is shown here. */
  async view(): Promise<ChosenView> {
    this.#view ??= this.#parts.view === undefined ? this.#chooseView() : Promise.resolve(this.#parts.view);
    return this.#view;
  }

  /** Brings what is wanted and shows it at the place, for as long as `holder` is not released. */
  async stage(holder: string, wanted: WantedData, place: ViewPlace, signal: AbortSignal): Promise<StagedTree> {
    const progress = new StagingProgress(this.#parts.clock);
    this.#progress.set(holder, progress);
    try {
      const found = await this.#bring(holder, wanted, progress, signal);
      const { view } = await this.view();
      if (found.tree !== "") {
        await view.show(filesOf(join(this.#parts.home, found.tree)), place, signal);
        if (!view.leansOnTree) this.#keeper.release(holder);
      }
      return { ...found, view: view.name, durationMs: Math.round(progress.elapsedMs) };
    } catch (error) {
      this.#keeper.release(holder);
      throw error;
    } finally {
      this.#progress.delete(holder);
      this.#scopeOf.delete(holder);
    }
  }

  /**
   * Brings what is wanted into the cache, for a run that has yet to start. Gives the bytes that it takes; undefined when
   * it stepped back for a run that is staged meanwhile. Rejects when it is more than `limitBytes`.
   */
  async fetchAhead(wanted: WantedData, limitBytes: number, signal: AbortSignal): Promise<number | undefined> {
    const holder = `ahead-${randomUUID()}`;
    const leave = new AbortController();
    this.#ahead.set(holder, leave);
    const progress = new StagingProgress(this.#parts.clock, limitBytes);
    try {
      return (await this.#bring(holder, wanted, progress, AbortSignal.any([signal, leave.signal]))).sizeBytes;
    } catch (error) {
      signal.throwIfAborted();
      if (leave.signal.aborted) return undefined;
      throw error;
    } finally {
      this.#ahead.delete(holder);
      this.#keeper.release(holder);
      this.#scopeOf.delete(holder);
    }
  }

  /** Shows a staged tree again where its mount has gone with its mount namespace. */
  async ensureShown(tree: string, place: ViewPlace): Promise<void> {
    const { view } = await this.view();
    if (!(await view.isShown(place))) await view.showAgain(filesOf(join(this.#parts.home, tree)), place);
  }

  /** The run sees its data no more; its changes are the caller's to remove. May be repeated. */
  async release(holder: string, place: ViewPlace): Promise<void> {
    await unmountBelow(place.data);
    this.#keeper.release(holder);
  }

  /** Whether data is on its way to a run that holds its devices. */
  get isStaging(): boolean {
    return this.#progress.size > 0;
  }

  /** How far a staging has come; null when none is under way for the holder. */
  progressOf(holder: string): ProgressFigures | null {
    const own = this.#progress.get(holder);
    const scope = this.#scopeOf.get(holder);
    const shared = scope === undefined ? undefined : this.#gathering.get(scope);
    return (shared ?? own)?.figures() ?? null;
  }

  figures(): CacheFigures {
    const { sizeBytes, objects } = this.#pool;
    const { maxBytes, heldTrees } = this.#keeper;
    return { sizeBytes, maxBytes, objects, heldTrees, ...this.#count };
  }

  /** Removes everything that no live run uses. Gives the bytes that came free. */
  async clear(): Promise<number> {
    return this.#keeper.clear();
  }

  async #chooseView(): Promise<ChosenView> {
    return chooseView(this.#parts.home, this.#temporary);
  }

  async #bring(holder: string, wanted: WantedData, progress: StagingProgress, signal: AbortSignal) {
    const { selection, notData } = wanted;
    const scope = nameScope(wanted.identity, selection, notData?.name ?? "");
    this.#scopeOf.set(holder, scope);
    if (!this.#ahead.has(holder)) this.#stepBackFor(scope);
    const order = { ...wanted, scope, prefix: selection.prefix, progress };
    const listing = new Listing(wanted, progress);
    const gathered = await this.#findOrGather(holder, order, listing, signal);
    if (gathered !== undefined) await this.#trees.touch(gathered.tree, this.#parts.clock.now());
    const { objects = 0, sizeBytes = 0, leftOut = [] } = gathered?.look ?? {};
    const { cachedObjects, cachedBytes } = progress;
    this.#count.hitObjects += cachedObjects;
    this.#count.hitBytes += cachedBytes;
    this.#count.missObjects += Math.max(0, objects - cachedObjects);
    this.#count.missBytes += Math.max(0, sizeBytes - cachedBytes);
    const tree = gathered === undefined ? "" : relative(this.#parts.home, gathered.tree);
    const { unselected, notData: notDataCount } = listing;
    const changed = gathered?.changed ?? [];
    const came = { objects, sizeBytes, cachedObjects, cachedBytes, leftOut, changed };
    return { tree, ...came, unselected, notData: notDataCount };
  }

  /** Whoever fetches ahead leaves the line to a run that starts, unless it is this very data. */
  #stepBackFor(scope: string): void {
    for (const [holder, leave] of this.#ahead) if (this.#scopeOf.get(holder) !== scope) leave.abort();
  }

  async #findOrGather(
    holder: string,
    order: Order,
    listing: Listing,
    signal: AbortSignal,
  ): Promise<Gathered | undefined> {
    const { scope } = order;
    const listed = (aborted: AbortSignal): AsyncIterable<StoredObject> => listing.objects(aborted);
    if (!(await this.#trees.knows(scope))) {
      const first = await this.#turns.take(scope, signal, async () =>
        (await this.#trees.knows(scope)) ? "known" : this.#gather(holder, order, listed, signal),
      );
      if (first !== "known") return first;
    }
    const objects: StoredObject[] = [];
    for await (const object of listing.objects(signal)) objects.push(object);
    if (objects.length === 0) return undefined;
    const all = async function* (): AsyncGenerator<StoredObject> {
      yield* objects;
    };
    return (
      (await this.#find(holder, order, objects)) ??
      this.#turns.take(
        scope,
        signal,
        async () => (await this.#find(holder, order, objects)) ?? this.#gather(holder, order, all, signal),
      )
    );
  }

  async #find(holder: string, order: Order, objects: readonly StoredObject[]): Promise<Gathered | undefined> {
    const tree = this.#trees.path(order.scope, nameTree(objects));
    // Held before it is looked at: nobody makes room with it in between.
    this.#keeper.hold(holder, tree);
    const look = await lookAtTree(tree, objects, order.prefix);
    if (look === undefined) {
      this.#keeper.release(holder);
      return undefined;
    }
    order.progress.cached(look.objects, look.sizeBytes);
    return { tree, look, changed: [] };
  }

  /** With everything else out of the way when the disk is full: a run is worth more than what may be asked for again. */
  async #gather(
    holder: string,
    order: Order,
    listing: (signal: AbortSignal) => AsyncIterable<StoredObject>,
    signal: AbortSignal,
  ): Promise<Gathered | undefined> {
    const parts = {
      clock: this.#parts.clock,
      budget: this.#parts.budget,
      pool: this.#pool,
      trees: this.#trees,
      temporary: this.#temporary,
      onTree: (tree: string) => this.#keeper.hold(holder, tree),
      onGrowth: () => this.#keeper.keepWithin(),
    };
    const tryOnce = async (): Promise<Gathered | undefined> => gather(parts, order, listing, signal);
    this.#gathering.set(order.scope, order.progress);
    try {
      return await tryOnce().catch(async (error: unknown) => {
        const isFull = error instanceof RemoteError && error.reason === "disk_full";
        if (!isFull || (await this.#keeper.clear()) === 0) throw error;
        order.progress.startOver();
        return tryOnce();
      });
    } finally {
      this.#gathering.delete(order.scope);
      this.#keeper.keepNewest(order.scope);
    }
  }
}

/** The objects of a bucket that are wanted, and the count of those that are not. May be read again from the beginning. */
class Listing {
  unselected = 0;
  notData = 0;
  readonly #wanted: WantedData;
  readonly #progress: StagingProgress;

  constructor(wanted: WantedData, progress: StagingProgress) {
    this.#wanted = wanted;
    this.#progress = progress;
  }

  async *objects(signal: AbortSignal): AsyncGenerator<StoredObject> {
    const { store, selection, notData } = this.#wanted;
    const isSelected = selects(selection);
    this.unselected = 0;
    this.notData = 0;
    let restedMs = performance.now();
    for await (const object of store.list(selection.prefix, signal)) {
      // The keys of a page come without a pause, and the globs may be many and long.
      if (performance.now() - restedMs > TURN_MS) {
        await rest();
        restedMs = performance.now();
      }
      if (!isSelected(object.key)) this.unselected += 1;
      else if (notData?.matches(object.key) === true) this.notData += 1;
      else {
        this.#progress.listed(object.sizeBytes);
        yield object;
      }
    }
    this.#progress.listedAll();
  }
}
