import type { RouteHandlers } from "../register-route.ts";

export function healthRoutes(version: string): Pick<RouteHandlers, "health"> {
  return {
    health: async () => ({ status: 200, body: { status: "ok", version } }),
  };
}
