import type { RouteHandlers } from "../register-route.ts";
import type { CacheService } from "../services.ts";

export function cacheRoutes(cache: CacheService): Pick<RouteHandlers, "showCache" | "clearCache"> {
  return {
    showCache: async () => {
      const { objects, sizeBytes, maxBytes, heldTrees, ...count } = cache.figures();
      const { name, refused } = await cache.view();
      const body = {
        objects,
        sizeBytes,
        maxBytes,
        inUse: heldTrees,
        hits: { objects: count.hitObjects, sizeBytes: count.hitBytes },
        misses: { objects: count.missObjects, sizeBytes: count.missBytes },
        view: { name, refused: [...refused] },
      };
      return { status: 200, body };
    },

    clearCache: async () => ({ status: 200, body: { freedBytes: await cache.clear() } }),
  };
}
