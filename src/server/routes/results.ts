import type { RouteHandlers } from "../register-route.ts";
import { viewBucket } from "../run-view.ts";
import type { RunService } from "../services.ts";
import { requestSignal } from "../waiting.ts";

export function resultRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "listResults"> {
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
  };
}
