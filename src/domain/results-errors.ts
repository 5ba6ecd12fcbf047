import { ServiceError } from "./errors.ts";

export function runStillLives(id: string, state: string): ServiceError {
  return new ServiceError(
    "conflict",
    "run_still_lives",
    `Run '${id}' is ${state}: its results are stored when it has ended.`,
    "Wait for its end; with 'results.sync' in the manifest, results are copied to the bucket before it.",
  );
}

export function resultsAlreadyStored(id: string): ServiceError {
  return new ServiceError(
    "conflict",
    "results_already_stored",
    `The results of run '${id}' are in its bucket already.`,
    "There is nothing to store again.",
  );
}

export function resultsNotKept(id: string): ServiceError {
  return new ServiceError(
    "conflict",
    "results_not_kept",
    `The server has no results of run '${id}' that it could store.`,
    "It never began, or its run directory is gone; submit it again.",
  );
}

export function onlyCopyOfResults(id: string, folder: string): ServiceError {
  return new ServiceError(
    "conflict",
    "only_copy_of_results",
    `No bucket has the results of run '${id}': the only copy is in ${folder}, and would go with it.`,
    `Store them first (trainyard results retry ${id}), or delete them too: trainyard delete --now --discard-results ${id}`,
  );
}
