import type { RouteHandlers } from "../register-route.ts";
import { viewBucket, viewRun } from "../run-view.ts";
import type { RunService } from "../services.ts";
import { requestSignal } from "../waiting.ts";

export function resultRoutes(
  runs: RunService,
  closing: AbortSignal,
): Pick<RouteHandlers, "listResults" | "retryResults"> {
  return {
    listResults: async ({ params: { id }, reply }) => {
      const run = await runs.get(id);
      using limit = requestSignal(reply, closing);
      const { source, objects, truncated } = await runs.results(id, limit.signal);
      return {
        status: 200,
        body: { bucket: viewBucket(run.spec.results), folder: run.id, source, objects: [...objects], truncated },
      };
    },

    retryResults: async ({ params: { id }, body: { manifest = null }, principal }) => {
      const run = await runs.retryResults(id, manifest, principal);
      return { status: 202, body: viewRun(run, runs) };
    },
  };
}
