import { join } from "node:path";
import { mkdir, mkdtemp, rm } from "../base/world-files.ts";
import { systemClock } from "../base/clock.ts";
import type { DataStore, StoredObject } from "./datastore.ts";
import { downloadObjects, type Wanted } from "./download-objects.ts";
import { FileTree } from "./file-tree.ts";
import { keyToPath, PART_PREFIX } from "./key-path.ts";
import { MAX_VERSIONS, removedMeanwhile, replacedAgain } from "./changed-meanwhile.ts";
import type { Retrier } from "./retry.ts";
import { Skips } from "./skips.ts";
import { DEFAULT_TRANSFER_LIMITS, TransferBudget } from "./transfer-budget.ts";

export interface BucketOptions {
  /** Only objects whose key begins with it, each under the rest of its key. */
  readonly prefix?: string;
  /** Objects to leave alone, by key. */
  readonly exclude?: (key: string) => boolean;
  readonly onObject?: (object: StoredObject) => void;
  /** Without it one of this transfer alone. */
  readonly budget?: TransferBudget;
  /** Without it that of the store. */
  readonly retrier?: Retrier;
  readonly signal: AbortSignal;
}

export interface Downloaded {
  readonly objects: number;
  readonly sizeBytes: number;
  /** How many objects `exclude` named. */
  readonly excluded: number;
  readonly skippedCount: number;
  /** The first of the skipped; `reason` continues the sentence "the key ...". */
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
}

/**
 * Brings all objects of a bucket into `directory`, which is empty or not there, each under its key. A file appears
 * only when it is whole and checked. A key that cannot be a path inside the folder is skipped and reported; two keys
 * that would be one file end the transfer, for nobody can say which is meant. On failure the files that were
 * complete stay, for the caller to remove with the folder.
 */
export async function downloadBucket(store: DataStore, directory: string, options: BucketOptions): Promise<Downloaded> {
  const { onObject = () => {}, signal } = options;
  const budget = options.budget ?? new TransferBudget(DEFAULT_TRANSFER_LIMITS, systemClock);
  const retrying = options.retrier === undefined ? {} : { retrier: options.retrier };
  await mkdir(directory, { recursive: true });
  const parts = await mkdtemp(join(directory, PART_PREFIX));
  const landing = new BucketLanding(directory, parts, store, options);
  try {
    const changed: Wanted[] = [];
    for (
      let wave: (aborted: AbortSignal) => AsyncGenerator<Wanted> = (aborted) => landing.wanted(aborted), version = 1;
      ;
      version += 1
    ) {
      for await (const outcome of downloadObjects(store, wave, { budget, ...retrying, signal })) {
        if (outcome.kind === "arrived") {
          await landing.place(outcome.wanted);
          onObject(outcome.wanted.object);
        }
        if (outcome.kind === "gone") throw removedMeanwhile(store, outcome.wanted.object.key);
        if (outcome.kind === "changed") changed.push({ ...outcome.wanted, object: outcome.now });
      }
      const again = changed.splice(0);
      const [first] = again;
      if (first === undefined) break;
      if (version === MAX_VERSIONS) throw replacedAgain(store, first.object.key);
      wave = async function* () {
        yield* again;
      };
    }
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
  return landing.report();
}

/** Which objects are wanted, and where they come to lie. */
class BucketLanding {
  readonly #parts: string;
  readonly #store: DataStore;
  readonly #tree: FileTree;
  readonly #prefix: string;
  readonly #exclude: (key: string) => boolean;
  readonly #skips = new Skips();
  #objects = 0;
  #sizeBytes = 0;
  #excluded = 0;
  #begun = 0;

  constructor(directory: string, parts: string, store: DataStore, options: BucketOptions) {
    this.#parts = parts;
    this.#store = store;
    this.#tree = new FileTree(directory, store.label);
    this.#prefix = options.prefix ?? "";
    this.#exclude = options.exclude ?? (() => false);
  }

  async *wanted(signal: AbortSignal): AsyncGenerator<Wanted> {
    for await (const object of this.#store.list(this.#prefix, signal)) {
      const wanted = await this.#want(object);
      if (wanted !== undefined) yield wanted;
    }
  }

  async place({ object, path }: Wanted): Promise<void> {
    this.#objects += 1;
    this.#sizeBytes += object.sizeBytes;
    this.#leaveOut(await this.#tree.place(path, this.#pathOf(object)));
  }

  report(): Downloaded {
    return {
      objects: this.#objects,
      sizeBytes: this.#sizeBytes,
      excluded: this.#excluded,
      skippedCount: this.#skips.count,
      skipped: this.#skips.named,
    };
  }

  async #want(object: StoredObject): Promise<Wanted | undefined> {
    const { key, sizeBytes } = object;
    if (this.#exclude(key)) {
      this.#excluded += 1;
      return undefined;
    }
    const target = keyToPath(key.slice(this.#prefix.length));
    if (target.kind === "refused") this.#skips.add(key, target.reason);
    else if (target.kind === "file") {
      this.#begun += 1;
      return { object, path: join(this.#parts, String(this.#begun)) };
    } else if (sizeBytes > 0) this.#skips.add(key, "ends in '/' like a folder, and has content like a file");
    else this.#leaveOut(await this.#tree.makeFolder(target.path));
    return undefined;
  }

  #pathOf({ key }: StoredObject): string {
    return key.slice(this.#prefix.length);
  }

  #leaveOut(gaveWay: readonly string[]): void {
    this.#objects -= gaveWay.length;
    for (const key of gaveWay) {
      this.#skips.add(key, "is empty and also the folder of other objects, so the folder was kept");
    }
  }
}
