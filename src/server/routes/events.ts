import type { RouteHandlers } from "../register-route.ts";
import type { RunService } from "../services.ts";

export function eventRoutes(runs: RunService): Pick<RouteHandlers, "listEvents"> {
  return {
    listEvents: async ({ params: { id }, query: { afterSequence, limit } }) => {
      const story = await runs.events(id, afterSequence, limit);
      const events = story.map(({ sequence, at, type, message }) => ({
        sequence,
        at: at.toISOString(),
        type,
        message,
      }));
      return { status: 200, body: { events } };
    },
  };
}
