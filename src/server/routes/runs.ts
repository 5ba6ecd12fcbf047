import { metricQuery, withMetrics } from "../metric-query.ts";
import { viewRun } from "../run-view.ts";
import type { RouteHandlers } from "../register-route.ts";
import type { MetricService, RunService } from "../services.ts";
import { discard, receiveUpload, type UploadSettings } from "../uploads.ts";
import { requestSignal, waitUpTo } from "../waiting.ts";

type RunHandlers = Pick<RouteHandlers, "submitRun" | "listRuns" | "getRun" | "stopRun" | "deleteRun" | "restoreRun">;

export function runRoutes(
  runs: RunService,
  metrics: MetricService,
  uploads: UploadSettings,
  closing: AbortSignal,
): RunHandlers {
  return {
    submitRun: async ({ headers, principal, request, reply }) => {
      const { zip, manifest, manifestName } = await receiveUpload(request, uploads);
      using limit = requestSignal(reply, closing);
      let isTakenOver = false;
      try {
        const { run, created } = await runs.submit(
          {
            zip: zip.content,
            sha256: zip.sha256,
            manifest,
            manifestName,
            idempotencyKey: headers["idempotency-key"] ?? null,
            principal,
          },
          limit.signal,
        );
        isTakenOver = created;
        return { status: created ? 201 : 200, body: viewRun(run, runs) };
      } finally {
        if (!isTakenOver) await discard(zip);
      }
    },

    listRuns: async ({ query }) => {
      const { metric, sort } = metricQuery(query);
      const page = await runs.list({
        states: query.state ?? [],
        name: query.name ?? null,
        idPrefix: query.idPrefix ?? null,
        deleted: query.deleted ?? false,
        metric,
        sort,
        limit: query.limit,
        cursor: query.cursor ?? null,
      });
      const views = page.runs.map((run) => viewRun(run, runs));
      const body = { runs: await withMetrics(views, { metric, sort }, metrics), nextCursor: page.nextCursor };
      return { status: 200, body };
    },

    getRun: async ({ params: { id }, query: { afterVersion, waitSeconds }, reply }) => {
      let run = await runs.get(id);
      if (afterVersion !== undefined && waitSeconds > 0 && run.version <= afterVersion) {
        await waitUpTo(waitSeconds, reply, closing, (signal) => runs.waitForChange(id, afterVersion, signal));
        run = await runs.get(id);
      }
      return { status: 200, body: viewRun(run, runs) };
    },

    stopRun: async ({ params: { id }, body, principal }) => {
      const graceMs = body.graceSeconds === undefined ? null : body.graceSeconds * 1000;
      const run = await runs.requestStop(id, graceMs, principal);
      return { status: 202, body: viewRun(run, runs) };
    },

    deleteRun: async ({ params: { id }, query, principal }) => {
      const run = await runs.remove(id, principal, { atOnce: query.now, discardResults: query.discardResults });
      return run === null ? { status: 204, body: null } : { status: 202, body: viewRun(run, runs) };
    },

    restoreRun: async ({ params: { id }, principal }) => {
      return { status: 200, body: viewRun(await runs.restore(id, principal), runs) };
    },
  };
}
