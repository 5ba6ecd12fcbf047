import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { mkdir, rm } from "../base/world-files.ts";
import { type DataStore, isFileBacked, type StoredObject } from "../datastores/datastore.ts";
import { downloadObjects, type Wanted } from "../datastores/download-objects.ts";
import { keyToPath } from "../datastores/key-path.ts";
import { MAX_VERSIONS, removedMeanwhile, replacedAgain } from "../datastores/changed-meanwhile.ts";
import type { TransferBudget } from "../datastores/transfer-budget.ts";
import { type BucketIdentity, nameObject, nameTree } from "./cache-names.ts";
import { filesOf, lookAtTree, whyNoFile, type DataTrees, type TreeLook } from "./data-trees.ts";
import { LinkTree } from "./link-tree.ts";
import type { ObjectPool } from "./object-pool.ts";
import type { StagingProgress } from "./staging-progress.ts";

/** Copies of files of this machine whose originals are looked at together afterwards. */
const LOOKS_AT_ONCE = 64;

export interface GatheringParts {
  readonly clock: Clock;
  readonly pool: ObjectPool;
  readonly trees: DataTrees;
  /** For drafts; of the same file system as pool and trees. */
  readonly temporary: string;
  readonly budget: TransferBudget;
  /** Told of the tree before it is there, so that it is held when it is. */
  onTree(tree: string): void;
  /** Told whenever the pool has grown. */
  onGrowth(): void;
}

/** What one run, or a look ahead for it, wants of a bucket. */
export interface Order {
  readonly store: DataStore;
  readonly identity: BucketIdentity;
  readonly scope: string;
  readonly prefix: string;
  readonly progress: StagingProgress;
}

/** A tree that shows what was ordered. */
export interface Gathered {
  readonly tree: string;
  readonly look: TreeLook;
  /** Keys of objects that were replaced after they had been listed. */
  readonly changed: readonly string[];
}

/** An object on its way, with its place in the listing. */
interface Coming extends Wanted {
  readonly index: number;
  /** How often it was asked for. */
  readonly version: number;
}

/**
 * Makes the tree of a listing: what the pool has is linked, what it lacks is brought into the pool first, while the
 * listing still goes on. Undefined when the listing is empty.
 *
 *   draft/parts/N --whole and checked--> linked into draft/files/PATH --renamed--> pool --all there--> draft becomes the tree
 *
 * At every moment what is wanted has a second link, so that nobody who makes room takes it. A crash leaves a draft,
 * which the next start removes, and whole entries in the pool, which the next try finds.
 */
export async function gather(
  parts: GatheringParts,
  order: Order,
  listing: (signal: AbortSignal) => AsyncIterable<StoredObject>,
  signal: AbortSignal,
): Promise<Gathered | undefined> {
  const draft = join(parts.temporary, randomUUID());
  await mkdir(filesOf(draft), { recursive: true });
  await mkdir(join(draft, "parts"));
  try {
    const gathering = new Gathering(parts, order, draft);
    await gathering.run(listing, signal);
    await rm(join(draft, "parts"), { recursive: true });
    const { arrived, changed } = gathering;
    if (arrived.length === 0) return undefined;
    const look = await lookAtTree(draft, arrived, order.prefix);
    if (look === undefined) throw new Error("The cache was changed while data was being put together in it.");
    const name = nameTree(arrived);
    parts.onTree(parts.trees.path(order.scope, name));
    const tree = await parts.trees.publish(draft, order.scope, name, parts.clock.now());
    return { tree, look, changed };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

class Gathering {
  /** In the order of the listing, each as it arrived. */
  readonly arrived: StoredObject[] = [];
  readonly changed: string[] = [];
  readonly #parts: GatheringParts;
  readonly #order: Order;
  readonly #draft: string;
  readonly #links: LinkTree;
  #begun = 0;
  #again: Coming[] = [];

  constructor(parts: GatheringParts, order: Order, draft: string) {
    this.#parts = parts;
    this.#order = order;
    this.#draft = draft;
    this.#links = new LinkTree(filesOf(draft), order.store.label);
  }

  async run(listing: (signal: AbortSignal) => AsyncIterable<StoredObject>, signal: AbortSignal): Promise<void> {
    await this.#bring((aborted) => this.#missing(listing(aborted)), signal);
    while (this.#again.length > 0) {
      const again = this.#again;
      this.#again = [];
      await this.#bring(async function* () {
        yield* again;
      }, signal);
    }
  }

  /** Links what is there already and gives the rest. */
  async *#missing(listing: AsyncIterable<StoredObject>): AsyncGenerator<Coming> {
    for await (const object of listing) {
      const index = this.arrived.push(object) - 1;
      if (this.#makeFolderOf(object)) continue;
      if (!this.#linkFromPool(object)) yield this.#coming(object, index, 1);
    }
  }

  /** True when the object is no file: a folder, which is made, or a key that cannot be a path, which is left out. */
  #makeFolderOf({ key, sizeBytes }: StoredObject): boolean {
    const target = this.#targetOf(key);
    if (target.kind === "folder" && whyNoFile(target, sizeBytes) === null) this.#links.makeFolder(target.path);
    return target.kind !== "file";
  }

  #linkFromPool(object: StoredObject): boolean {
    const { pool } = this.#parts;
    const found = pool.find(nameObject(this.#order.identity, object), object.sizeBytes);
    if (found === undefined) return false;
    this.#link(found, object);
    this.#order.progress.cached(1, object.sizeBytes);
    return true;
  }

  #coming(object: StoredObject, index: number, version: number): Coming {
    this.#begun += 1;
    return { object, index, version, path: join(this.#draft, "parts", String(this.#begun)) };
  }

  async #bring(wanted: (signal: AbortSignal) => AsyncIterable<Coming>, signal: AbortSignal): Promise<void> {
    const { store, progress } = this.#order;
    const { budget } = this.#parts;
    const onBytes = (count: number): void => progress.moved(count);
    let copies: Coming[] = [];
    for await (const outcome of downloadObjects(store, wanted, { budget, onBytes, signal })) {
      const { kind, wanted: coming } = outcome;
      if (kind === "gone") throw removedMeanwhile(store, coming.object.key);
      if (kind === "changed") this.#askAgain(coming, outcome.now);
      else if (isFileBacked(store)) copies.push(coming);
      else this.#keep(coming);
      if (copies.length < LOOKS_AT_ONCE) continue;
      await this.#keepCopies(copies, signal);
      copies = [];
    }
    await this.#keepCopies(copies, signal);
  }

  /** A copy of a file counts when the file says the same of itself afterwards. */
  async #keepCopies(copies: readonly Coming[], signal: AbortSignal): Promise<void> {
    const { store } = this.#order;
    const looks = copies.map(async (coming) => ({ coming, now: await store.head(coming.object.key, signal) }));
    for (const { coming, now } of await Promise.all(looks)) {
      if (now === undefined) throw removedMeanwhile(store, coming.object.key);
      if (now.etag === coming.object.etag && now.sizeBytes === coming.object.sizeBytes) this.#keep(coming);
      else this.#askAgain(coming, now);
    }
  }

  #askAgain({ object, index, version }: Coming, now: StoredObject): void {
    if (version === MAX_VERSIONS) throw replacedAgain(this.#order.store, object.key);
    this.arrived[index] = now;
    if (version === 1) this.changed.push(object.key);
    this.#again.push(this.#coming(now, index, version + 1));
  }

  #keep({ object, path }: Coming): void {
    const { pool } = this.#parts;
    this.#link(path, object);
    pool.take(path, nameObject(this.#order.identity, object), object.sizeBytes);
    this.#order.progress.brought(object.sizeBytes);
    this.#parts.onGrowth();
  }

  #link(source: string, { key }: StoredObject): void {
    const target = this.#targetOf(key);
    if (target.kind === "file") this.#links.add(source, target.path);
  }

  #targetOf(key: string): ReturnType<typeof keyToPath> {
    return keyToPath(key.slice(this.#order.prefix.length));
  }
}
