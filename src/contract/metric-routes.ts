import { z } from "zod";
import { ChartView, MetricList, Reports } from "./metrics.ts";
import { RunParams } from "./parameters.ts";
import { Problem } from "./problem.ts";
import { routePaths } from "./route-paths.ts";

/** `run=a&run=b` and `run=a,b`. */
const ListOfRuns = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]).flatMap((part) => part.split(",")))
  .pipe(z.array(z.string().min(1).max(64)).min(1).max(1000));

/** The part of the route table (routes.ts) that is about metrics. */
export const metricRoutes = {
  readFigures: {
    operationId: "readFigures",
    ...routePaths.readFigures,
    summary: "Tell the server's own figures, in the text format of Prometheus",
    access: "token",
    body: "none",
    answers: { 200: null },
  },
  listMetrics: {
    operationId: "listMetrics",
    ...routePaths.listMetrics,
    summary: "List the run's metrics: latest, smallest, largest and best value of each",
    access: "token",
    body: "none",
    params: RunParams,
    answers: { 200: MetricList, 404: Problem },
  },
  reportMetrics: {
    operationId: "reportMetrics",
    ...routePaths.reportMetrics,
    summary: "Report metrics, as the run's own program",
    description:
      "One report or a list of at most 1000. Takes the token that the program finds in TRAINYARD_METRICS_TOKEN, which can do nothing else. " +
      "Answered only after the reports are on disk.",
    access: "program",
    body: "json",
    params: RunParams,
    json: Reports,
    answers: { 204: null, 400: Problem, 404: Problem, 409: Problem, 413: Problem, 429: Problem },
  },
  followMetrics: {
    operationId: "followMetrics",
    ...routePaths.followMetrics,
    summary: "Follow the run's metrics as Server-Sent Events",
    description:
      "Event `metrics`: a list as in `listMetrics`, of all at first, then of those with new points. Event `end`: the run has ended.",
    access: "token",
    body: "none",
    params: RunParams,
    answers: { 200: null, 404: Problem },
  },
  drawChart: {
    operationId: "drawChart",
    ...routePaths.drawChart,
    summary: "Draw curves of one or many runs over one grid",
    description:
      "`run` and `key` may be repeated; without `key` all of the runs' are drawn. Each curve comes as columns over at most `buckets` buckets, " +
      "fewer where there are many curves, so that an answer stays below 200 kB. Buckets of the past do not move when points come.",
    access: "token",
    body: "none",
    query: z.object({
      run: ListOfRuns,
      key: z
        .union([z.string(), z.array(z.string())])
        .transform((value) => (Array.isArray(value) ? value : [value]))
        .optional(),
      axis: z.enum(["step", "time"]).default("step"),
      from: z.coerce.number().optional(),
      to: z.coerce.number().optional(),
      buckets: z.coerce.number().int().min(2).max(2000).default(500),
    }),
    answers: { 200: ChartView, 400: Problem, 404: Problem },
  },
} as const;
