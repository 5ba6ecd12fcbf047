/** Where a run sees its data, and a folder beside it for what the means needs to keep its changes apart. */
export interface ViewPlace {
  /** DATA_DIR. Not there, or an empty folder. */
  readonly data: string;
  readonly changes: string;
}

/**
 * A means of showing a tree of the cache to a program, so that the program may do there what it likes and nobody else
 * sees any of it. It runs under the server's own account, root or not: rights of files hold nobody back.
 */
export interface DataView {
  /** For people: `an overlay`, `clones`, `a copy`. */
  readonly name: string;
  /** Whether the tree must stay for as long as it is shown. */
  readonly leansOnTree: boolean;
  /** Shows the files. What an earlier call left at the place was removed before. */
  show(files: string, place: ViewPlace, signal: AbortSignal): Promise<void>;
  /** Whether a place that was shown is still so: a mount ends with its mount namespace. */
  isShown(place: ViewPlace): Promise<boolean>;
  /** Shows it again with the changes that were made. */
  showAgain(files: string, place: ViewPlace): Promise<void>;
}

/** The means that works here, and why no better one does. */
export interface ChosenView {
  readonly view: DataView;
  /** A sentence for each better means; empty when the best works. */
  readonly refused: readonly string[];
}
