import type { PlannedRunView } from "../../contract/retention.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";
import { requestSignal } from "../waiting.ts";

type Planned = Awaited<ReturnType<RunService["planRetention"]>>["runs"][number];

export function retentionRoutes(runs: RunService, closing: AbortSignal): Pick<RouteHandlers, "planRetention"> {
  return {
    planRetention: async ({ query: { limit }, reply }) => {
      using left = requestSignal(reply, closing);
      const plan = await runs.planRetention(limit, left.signal);
      return {
        status: 200,
        body: {
          asOf: plan.asOf.toISOString(),
          isClockDoubted: plan.isClockDoubted,
          days: plan.rules.days,
          undoMinutes: plan.rules.undoMs / 60_000,
          runs: plan.runs.map(viewPlanned),
          notEnded: plan.notEnded,
          truncated: plan.truncated,
        },
      };
    },
  };
}

function viewPlanned({ run, decision, sizeBytes }: Planned): PlannedRunView {
  return {
    id: run.id,
    name: run.spec.name,
    state: run.state,
    endedAt: run.endedAt?.toISOString() ?? null,
    deletedAt: run.deletedAt?.toISOString() ?? null,
    verdict: decision.verdict,
    reason: decision.reason,
    until: decision.verdict === "keep" ? (decision.until?.toISOString() ?? null) : null,
    sizeBytes,
  };
}
