import type { EnvironmentView } from "../../contract/environment.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { EnvironmentService, ListedEnvironment } from "../services.ts";
import { requestSignal } from "../waiting.ts";

type EnvironmentHandlers = Pick<RouteHandlers, "listEnvironments" | "buildEnvironment" | "removeEnvironment">;

export function environmentRoutes(environments: EnvironmentService, closing: AbortSignal): EnvironmentHandlers {
  return {
    listEnvironments: async ({ reply }) => {
      using limit = requestSignal(reply, closing);
      const listing = await environments.list(limit.signal);
      const buildable = listing.buildable.map(({ framework, requirements }) => {
        return { framework, requirements: [...requirements] };
      });
      return {
        status: 200,
        body: {
          environments: listing.environments.map(viewEnvironment),
          building: [...listing.building],
          installer: listing.installer,
          buildable,
        },
      };
    },

    buildEnvironment: async ({ body: { framework, version }, query: { waitSeconds }, reply }) => {
      using limit = requestSignal(reply, closing, waitSeconds * 1000);
      const built = await environments.build(framework, version, limit.signal);
      if (built === undefined) return { status: 202, body: { status: "building", environment: null } };
      return { status: 200, body: { status: "ready", environment: viewEnvironment(built) } };
    },

    removeEnvironment: async ({ params: { id } }) => {
      await environments.remove(id);
      return { status: 204, body: null };
    },
  };
}

function viewEnvironment({ environment, built, isInUse }: ListedEnvironment): EnvironmentView {
  const { framework, version, label, origin } = environment;
  return {
    id: built?.id ?? null,
    framework,
    version,
    label,
    origin,
    inUse: isInUse,
    sizeBytes: built?.sizeBytes ?? null,
    builtAt: built?.builtAt ?? null,
    lastUsedAt: built?.lastUsedAt.toISOString() ?? null,
    requirements: [...(built?.requirements ?? [])],
  };
}
