import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { RemoteError } from "../../datastores/remote-error.ts";
import { listResults } from "./result-listing.ts";

const run = pendingRun({ results: { objects: 1, sizeBytes: 1, storedAt: new Date(0) } });

test.each([
  ["denied", false, "results_not_listed"],
  ["bucket_missing", false, "results_not_listed"],
  ["unreachable", true, "store_busy"],
] as const)("a results bucket that is %s (worth another try: %j) is told as %s", async (reason, retryable, code) => {
  const dataStores = {
    check: () => undefined,
    open: async () => Promise.reject(new RemoteError(reason, "The bucket says no.", { retryable })),
  };
  const parts = { home: "/nowhere", dataStores, openCredentials: async () => ({ data: null, results: null }) };
  await expect(listResults(parts, run, new AbortController().signal)).rejects.toMatchObject({
    code,
    message: "The results bucket cannot be listed: The bucket says no.",
  });
});
