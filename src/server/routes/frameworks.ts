import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";
import { requestSignal } from "../waiting.ts";

export function frameworkRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "listFrameworks"> {
  return {
    listFrameworks: async ({ reply }) => {
      using limit = requestSignal(reply, closing);
      return { status: 200, body: { frameworks: [...(await runs.frameworks(limit.signal))] } };
    },
  };
}
