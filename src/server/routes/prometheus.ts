import { Readable } from "node:stream";
import type { RouteHandlers } from "../register-route.ts";
import type { ServerFigures } from "../server-figures.ts";

export function prometheusRoutes(figures: ServerFigures): Pick<RouteHandlers, "readFigures"> {
  return {
    readFigures: async () => {
      const { text, type } = await figures.text();
      return { status: 200, headers: { "content-type": type }, body: Readable.from([text], { objectMode: false }) };
    },
  };
}
