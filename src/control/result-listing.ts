import type { DataStores } from "../datastores/data-stores.ts";
import { RemoteError } from "../datastores/remote-error.ts";
import { storeBusy } from "../domain/errors.ts";
import type { Run } from "../domain/run.ts";
import type { Credentials } from "../domain/training-spec.ts";
import { listLocalResults } from "./result-keeper.ts";
import { runDirectory } from "./run-directory.ts";
import { useStore } from "./use-store.ts";

const MAX_OBJECTS = 10_000;

export interface ResultListing {
  readonly source: "bucket" | "local";
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number }[];
  readonly truncated: boolean;
}

export interface ListingParts {
  readonly home: string;
  readonly dataStores: DataStores;
  openCredentials(runId: string): Promise<Credentials>;
}

/** What is in the run's folder of the results bucket; before anything is stored there, what the run directory holds. */
export async function listResults(parts: ListingParts, run: Run, signal: AbortSignal): Promise<ResultListing> {
  if (run.results === null) {
    const objects = await listLocalResults(runDirectory(parts.home, run.id));
    return { source: "local", objects, truncated: false };
  }
  const { connection, bucket } = run.spec.results;
  const credentials = await parts.openCredentials(run.id);
  const opening = parts.dataStores.open(connection, bucket, credentials.results, "results");
  try {
    return await useStore(opening, async (store) => {
      const objects: { key: string; sizeBytes: number }[] = [];
      for await (const { key, sizeBytes } of store.list(`${run.id}/`, signal)) {
        if (objects.length === MAX_OBJECTS) return { source: "bucket", objects, truncated: true };
        objects.push({ key: key.slice(run.id.length + 1), sizeBytes });
      }
      return { source: "bucket", objects, truncated: false };
    });
  } catch (error) {
    if (error instanceof RemoteError) throw storeBusy(`The results bucket cannot be listed: ${error.message}`, error);
    throw error;
  }
}
