import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { DataStores } from "../../datastores/data-stores.ts";
import { RemoteError } from "../../datastores/remote-error.ts";
import { walkFolder } from "../../datastores/walk-folder.ts";
import { resultsNotListed, storeBusy } from "../../domain/errors.ts";
import type { Run } from "../../domain/run.ts";
import type { Credentials } from "../../domain/training-spec.ts";
import { runDirectory, type RunDirectory } from "../run/run-directory.ts";
import { useStore } from "../run/use-store.ts";

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
    return listLocalResults(runDirectory(parts.home, run.id), signal);
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
    if (!(error instanceof RemoteError)) throw error;
    if (!error.retryable) throw resultsNotListed(error.message, error);
    throw storeBusy(`The results bucket cannot be listed: ${error.message}`, error);
  }
}

/** The program may be at work in there: what vanishes while it is listed is left out. */
async function listLocalResults({ results }: RunDirectory, signal: AbortSignal): Promise<ResultListing> {
  const objects: { key: string; sizeBytes: number }[] = [];
  if ((await lstat(results).catch(() => null)) === null) return { source: "local", objects, truncated: false };
  for await (const { kind, path: key } of walkFolder(results, "", () => true, signal)) {
    const facts = kind === "file" ? await lstat(join(results, key)).catch(() => null) : null;
    if (facts === null) continue;
    if (objects.length === MAX_OBJECTS) return { source: "local", objects, truncated: true };
    objects.push({ key, sizeBytes: facts.size });
  }
  return { source: "local", objects, truncated: false };
}
