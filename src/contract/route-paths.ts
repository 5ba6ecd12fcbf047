/**
 * Where each route is, without its schemas: all that a client needs at run time. The command line must answer at
 * once, and a schema library is most of what it would otherwise load.
 */
export const routePaths = {
  health: { method: "GET", path: "/health" },
  submitRun: { method: "POST", path: "/api/v1/runs" },
  listRuns: { method: "GET", path: "/api/v1/runs" },
  getRun: { method: "GET", path: "/api/v1/runs/{id}" },
  stopRun: { method: "POST", path: "/api/v1/runs/{id}/stop" },
  deleteRun: { method: "DELETE", path: "/api/v1/runs/{id}" },
  restoreRun: { method: "POST", path: "/api/v1/runs/{id}/restore" },
  readLog: { method: "GET", path: "/api/v1/runs/{id}/log" },
  readLogRows: { method: "GET", path: "/api/v1/runs/{id}/log/rows" },
  searchLog: { method: "GET", path: "/api/v1/runs/{id}/log/search" },
  followLog: { method: "GET", path: "/api/v1/runs/{id}/logs" },
  listEvents: { method: "GET", path: "/api/v1/runs/{id}/events" },
  listEnvironments: { method: "GET", path: "/api/v1/environments" },
  buildEnvironment: { method: "POST", path: "/api/v1/environments" },
  removeEnvironment: { method: "DELETE", path: "/api/v1/environments/{id}" },
  showCache: { method: "GET", path: "/api/v1/cache" },
  clearCache: { method: "DELETE", path: "/api/v1/cache" },
  listFrameworks: { method: "GET", path: "/api/v1/frameworks" },
  planRetention: { method: "GET", path: "/api/v1/retention" },
  readFigures: { method: "GET", path: "/metrics" },
  listMetrics: { method: "GET", path: "/api/v1/runs/{id}/metrics" },
  reportMetrics: { method: "POST", path: "/api/v1/runs/{id}/metrics" },
  followMetrics: { method: "GET", path: "/api/v1/runs/{id}/metrics/events" },
  drawChart: { method: "GET", path: "/api/v1/metrics/chart" },
  listResults: { method: "GET", path: "/api/v1/runs/{id}/results" },
  retryResults: { method: "POST", path: "/api/v1/runs/{id}/results/retry" },
} as const satisfies Record<string, { readonly method: "GET" | "POST" | "DELETE"; readonly path: string }>;

/** Headers of the log route, in one spelling for both ends. */
export const LOG_SIZE_HEADER = "trainyard-log-size";
export const LOG_NEXT_HEADER = "trainyard-log-next";
export const LOG_COMPLETE_HEADER = "trainyard-log-complete";
export const RUN_ATTEMPT_HEADER = "trainyard-run-attempt";
export const MANIFEST_HEADER = "trainyard-manifest";
