import type { IndexFile } from "./index/index-file.ts";
import type { ServedLog } from "./served-log.ts";

/** A log and the index of it, at one moment. */
export interface IndexedLog {
  readonly log: Pick<ServedLog, "sizeBytes" | "read">;
  readonly index: Pick<IndexFile, "count" | "record" | "entry" | "first">;
}
