import { z } from "zod";
import { CacheClearing, CacheStatus } from "./cache.ts";
import { EnvironmentBuild, EnvironmentList, EnvironmentOrder } from "./environment.ts";
import { FrameworkList } from "./framework.ts";
import { logRoutes } from "./log-routes.ts";
import { metricRoutes } from "./metric-routes.ts";
import { Flag, RunParams, WAIT_LIMIT_S } from "./parameters.ts";
import { Problem } from "./problem.ts";
import { RetentionView } from "./retention.ts";
import { routePaths } from "./route-paths.ts";
import { EventList, ResultList, RunList, RunStateName, RunView } from "./run.ts";

/** How a body travels. `none` and `json` are validated by schema; the others are streamed and bounded by configuration. */
export type BodyKind = "none" | "json" | "submission";

export interface RouteContract {
  readonly operationId: string;
  readonly method: "GET" | "POST" | "DELETE";
  /** With `{name}` parameters, as in OpenAPI. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  /** `open` needs no token. Everything under /api/v1 needs one; `program` takes the one that a run's program was given. */
  readonly access: "open" | "token" | "program";
  readonly body: BodyKind;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly json?: z.ZodType;
  /** Answers by status; null is a body that is not JSON (log bytes) or none. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
}

/** Accepts `state=running&state=pending` and `state=running,pending`. */
const States = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (Array.isArray(value) ? value : [value]).flatMap((part) => part.split(",")))
  .pipe(z.array(RunStateName));

export const routes = {
  health: {
    operationId: "health",
    ...routePaths.health,
    summary: "Say that the server answers",
    access: "open",
    body: "none",
    answers: { 200: z.object({ status: z.literal("ok"), version: z.string() }) },
  },
  submitRun: {
    operationId: "submitRun",
    ...routePaths.submitRun,
    summary: "Submit a model definition and a manifest",
    description:
      "Either multipart/form-data with the parts `manifest` (YAML or JSON text) and `model_definition` (ZIP), in any order; or " +
      "application/zip with the ZIP as the body and the manifest as base64 in the header `Trainyard-Manifest`. 201 is sent only " +
      "after both are on disk. A repeated `Idempotency-Key` gives the run of the first time with 200.",
    access: "token",
    body: "submission",
    headers: z.object({
      "idempotency-key": z.string().min(1).max(200).optional(),
      "trainyard-manifest": z.string().optional(),
    }),
    answers: {
      200: RunView,
      201: RunView,
      400: Problem,
      403: Problem,
      409: Problem,
      413: Problem,
      415: Problem,
      503: Problem,
    },
  },
  listRuns: {
    operationId: "listRuns",
    ...routePaths.listRuns,
    summary: "List runs, newest first, page by page",
    description:
      "`deleted=true` lists the deleted runs that can still be taken back, and no others. `metric=loss<0.5` (also `<=`, `>`, `>=`, `=`) lists " +
      "runs whose latest value is so. `sort=metric:loss` lists runs that have the metric as a number, the best first: smallest for names with " +
      "loss, err, perplexity, cost, time and the like in them, largest for all others; `sort=metric:loss:last:desc` names value and order. " +
      "With either, each run brings that metric in `metrics`.",
    access: "token",
    body: "none",
    query: z.object({
      state: States.optional(),
      name: z.string().max(500).optional(),
      idPrefix: z.string().max(64).optional(),
      deleted: Flag.optional(),
      metric: z.string().max(400).optional(),
      sort: z.string().max(400).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      cursor: z.string().max(200).optional(),
    }),
    answers: { 200: RunList, 400: Problem },
  },
  getRun: {
    operationId: "getRun",
    ...routePaths.getRun,
    summary: "Show one run",
    description:
      "With `afterVersion` and `waitSeconds` the answer waits until the run's version is greater, at most that long, and is the run as it is then.",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({
      afterVersion: z.coerce.number().int().min(0).optional(),
      waitSeconds: z.coerce.number().min(0).max(WAIT_LIMIT_S).default(0),
    }),
    answers: { 200: RunView, 400: Problem, 404: Problem },
  },
  stopRun: {
    operationId: "stopRun",
    ...routePaths.stopRun,
    summary: "Stop a run and keep what it has produced so far",
    description:
      "The program is asked to end, and insisted upon after `graceSeconds` (without it: as the server is configured). May be repeated, with less grace too.",
    access: "token",
    body: "json",
    params: RunParams,
    json: z.strictObject({ graceSeconds: z.number().min(0).max(3600).optional() }).default({}),
    answers: { 202: RunView, 400: Problem, 404: Problem, 409: Problem },
  },
  deleteRun: {
    operationId: "deleteRun",
    ...routePaths.deleteRun,
    summary: "Delete the service's history of a run that has ended; the results bucket is left alone",
    description:
      "202 with the run while it can be taken back, until its `undoUntil`; no list shows it meanwhile. With `now=true`, or where the server " +
      "leaves no time for that, it is gone with 204; where no bucket has its results, only with `discardResults=true`. May be repeated.",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({ now: Flag.default(false), discardResults: Flag.default(false) }),
    answers: { 202: RunView, 204: null, 404: Problem, 409: Problem },
  },
  restoreRun: {
    operationId: "restoreRun",
    ...routePaths.restoreRun,
    summary: "Take the deletion of a run back",
    description: "A run that is not deleted stays as it is.",
    access: "token",
    body: "none",
    params: RunParams,
    answers: { 200: RunView, 404: Problem },
  },
  planRetention: {
    operationId: "planRetention",
    ...routePaths.planRetention,
    summary: "Say which runs would be forgotten now, which stay and why",
    description:
      "Changes nothing. Lists the runs that ended first; `truncated` says that there are more, which are younger.",
    access: "token",
    body: "none",
    query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) }),
    answers: { 200: RetentionView },
  },
  listEvents: {
    operationId: "listEvents",
    ...routePaths.listEvents,
    summary: "Tell a run's story",
    access: "token",
    body: "none",
    params: RunParams,
    query: z.object({
      afterSequence: z.coerce.number().int().min(0).default(0),
      limit: z.coerce.number().int().min(1).max(1000).default(1000),
    }),
    answers: { 200: EventList, 404: Problem },
  },
  listEnvironments: {
    operationId: "listEnvironments",
    ...routePaths.listEnvironments,
    summary: "List the environments that are here or were built here, and what can be built",
    access: "token",
    body: "none",
    answers: { 200: EnvironmentList },
  },
  buildEnvironment: {
    operationId: "buildEnvironment",
    ...routePaths.buildEnvironment,
    summary: "Build the environment for a framework and version ahead of the first run",
    description:
      "200 with the environment that a run would get, also where nothing had to be built. 202 when the build was not done within " +
      "`waitSeconds`; it goes on, and the same request waits for it again.",
    access: "token",
    body: "json",
    query: z.object({ waitSeconds: z.coerce.number().min(0).max(WAIT_LIMIT_S).default(0) }),
    json: EnvironmentOrder,
    answers: { 200: EnvironmentBuild, 202: EnvironmentBuild, 400: Problem, 409: Problem },
  },
  removeEnvironment: {
    operationId: "removeEnvironment",
    ...routePaths.removeEnvironment,
    summary: "Remove an environment that was built here and that no live run uses",
    access: "token",
    body: "none",
    params: z.object({ id: z.string().min(1).max(64) }),
    answers: { 204: null, 404: Problem, 409: Problem },
  },
  showCache: {
    operationId: "showCache",
    ...routePaths.showCache,
    summary: "Show the cache of training data and how often runs found theirs in it",
    access: "token",
    body: "none",
    answers: { 200: CacheStatus },
  },
  clearCache: {
    operationId: "clearCache",
    ...routePaths.clearCache,
    summary: "Remove the training data that no live run uses",
    access: "token",
    body: "none",
    answers: { 200: CacheClearing },
  },
  listFrameworks: {
    operationId: "listFrameworks",
    ...routePaths.listFrameworks,
    summary: "List what this installation can run, name and version as a manifest writes them",
    description: "Found by probing the machine; the first call after a start may take some seconds.",
    access: "token",
    body: "none",
    answers: { 200: FrameworkList },
  },
  ...logRoutes,
  ...metricRoutes,
  listResults: {
    operationId: "listResults",
    ...routePaths.listResults,
    summary: "List the objects in the run's folder of the results bucket",
    access: "token",
    body: "none",
    params: RunParams,
    answers: { 200: ResultList, 404: Problem, 409: Problem, 503: Problem },
  },
  retryResults: {
    operationId: "retryResults",
    ...routePaths.retryResults,
    summary: "Store the results of an ended run that could not be stored at its end",
    description:
      "The server tries in the background, as long as at the end of a run; how the run ended does not change, and `results.storedAt` " +
      "says when they are there. `manifest` is one that names the same results bucket, for new credentials. May be repeated.",
    access: "token",
    body: "json",
    params: RunParams,
    json: z.strictObject({ manifest: z.string().max(1_000_000).optional() }).default({}),
    answers: { 202: RunView, 400: Problem, 404: Problem, 409: Problem },
  },
} as const satisfies Record<string, RouteContract>;

export type RouteName = keyof typeof routes;

export {
  LOG_COMPLETE_HEADER,
  LOG_NEXT_HEADER,
  LOG_SIZE_HEADER,
  MANIFEST_HEADER,
  RUN_ATTEMPT_HEADER,
} from "./route-paths.ts";
