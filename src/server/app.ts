import multipart from "@fastify/multipart";
import fastify, { type FastifyInstance, type FastifyPluginCallback } from "fastify";
import { serializerCompiler } from "fastify-type-provider-zod";
import { randomText } from "../base/random-text.ts";
import { routes, type RouteName } from "../contract/routes.ts";
import { requestInvalid, routeNotFound, shuttingDown } from "../domain/errors.ts";
import { JSON_BODY_LIMIT_BYTES, replyToBrokenRequest, replyWithError } from "./error-reply.ts";
import { registerRoute, type RouteHandlers } from "./register-route.ts";
import { logAnswers, loggerOptions, type LoggerSettings } from "./request-log.ts";
import { cacheRoutes } from "./routes/cache.ts";
import { environmentRoutes } from "./routes/environments.ts";
import { eventRoutes } from "./routes/events.ts";
import { frameworkRoutes } from "./routes/frameworks.ts";
import { healthRoutes } from "./routes/health.ts";
import { logEventRoutes } from "./routes/log-events.ts";
import { logRowRoutes } from "./routes/log-rows.ts";
import { logSearchRoutes } from "./routes/log-search.ts";
import { logRoutes } from "./routes/log.ts";
import { metricRoutes } from "./routes/metrics.ts";
import { prometheusRoutes } from "./routes/prometheus.ts";
import { retentionRoutes } from "./routes/retention.ts";
import { resultRoutes } from "./routes/results.ts";
import { runRoutes } from "./routes/runs.ts";
import type {
  Authenticate,
  AuthenticateProgram,
  CacheService,
  EnvironmentService,
  FiguresSource,
  MetricService,
  RunService,
} from "./services.ts";
import { ServerFigures } from "./server-figures.ts";
import type { UploadSettings } from "./uploads.ts";
import { compileValidator } from "./validation.ts";

export interface AppParts {
  readonly runs: RunService;
  readonly environments: EnvironmentService;
  readonly cache: CacheService;
  readonly metrics: MetricService;
  readonly figures: FiguresSource;
  readonly authenticate: Authenticate;
  readonly authenticateProgram: AuthenticateProgram;
  readonly settings: UploadSettings;
  /** The product's version, told by /health. */
  readonly version: string;
  readonly logger: LoggerSettings;
}

/** Longer than the longest wait that a route allows, so that only a connection that says nothing at all is cut. */
const IDLE_CONNECTION_MS = 120_000;
const HEADERS_MS = 15_000;
/** For the whole of one request, however slowly a large upload comes. */
const REQUEST_MS = 3_600_000;
/** How long answers may go on after the server was asked to close. */
const CLOSING_MS = 5_000;
const SWEEP_MS = 20;
const HEADER_LIMIT_BYTES = 65_536;

/** The HTTP server over the route contract, ready to listen. It owns nothing that it is given; `close()` lets go of connections only. */
export function createApp(parts: AppParts): FastifyInstance {
  const { runs, environments, cache, metrics, authenticate, authenticateProgram, settings, version, logger } = parts;
  const closing = new AbortController();
  const app = createBareApp(logger, closing.signal);
  closeInTime(app, closing);
  const figures = new ServerFigures(parts.figures);
  figures.watch(app);
  const handlers: RouteHandlers = {
    ...healthRoutes(version),
    ...runRoutes(runs, metrics, settings, closing.signal),
    ...logRoutes(runs, closing.signal),
    ...logEventRoutes(runs, closing.signal),
    ...logRowRoutes(runs),
    ...logSearchRoutes(runs, closing.signal),
    ...eventRoutes(runs),
    ...resultRoutes(runs, closing.signal),
    ...retentionRoutes(runs, closing.signal),
    ...frameworkRoutes(runs, closing.signal),
    ...environmentRoutes(environments, closing.signal),
    ...cacheRoutes(cache),
    ...metricRoutes(metrics, closing.signal),
    ...prometheusRoutes(figures),
  };
  registerAll(app, handlers, authenticate, authenticateProgram);
  return app;
}

function createBareApp(logger: LoggerSettings, closing: AbortSignal): FastifyInstance {
  const prefix = randomText(6);
  let requests = 0;
  const app = fastify({
    ...loggerOptions(logger),
    genReqId: () => `${prefix}-${(requests += 1)}`,
    trustProxy: false,
    bodyLimit: JSON_BODY_LIMIT_BYTES,
    connectionTimeout: IDLE_CONNECTION_MS,
    requestTimeout: REQUEST_MS,
    http: { headersTimeout: HEADERS_MS, connectionsCheckingInterval: 5_000, maxHeaderSize: HEADER_LIMIT_BYTES },
    return503OnClosing: false, // said below, as a problem like every other
    frameworkErrors: replyWithError,
    clientErrorHandler: replyToBrokenRequest,
  });
  app.decorateRequest("principal", null);
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(replyWithError);
  app.setNotFoundHandler((request, reply) => {
    replyWithError(routeNotFound(request.method, request.url.split("?", 1)[0] ?? ""), request, reply);
  });
  app.addHook("onRequest", (_request, reply, done) => {
    reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
    done(closing.aborted ? shuttingDown() : undefined);
  });
  logAnswers(app);
  return app;
}

/** Waits of requests end as soon as the server closes, and a client that does not read cannot hold it up for long. */
function closeInTime(app: FastifyInstance, closing: AbortController): void {
  let timers: NodeJS.Timeout[] = [];
  app.addHook("preClose", (done) => {
    closing.abort();
    timers = [
      // Node closes the connections that are idle when it begins to close, not those that become idle later.
      setInterval(() => app.server.closeIdleConnections(), SWEEP_MS),
      setTimeout(() => app.server.closeAllConnections(), CLOSING_MS),
    ];
    done();
  });
  app.addHook("onClose", (_instance, done) => {
    for (const timer of timers) clearTimeout(timer);
    done();
  });
}

/** Puts every route of the contract on the server, each where only the bodies it takes can be read. */
export function registerAll(
  app: FastifyInstance,
  handlers: RouteHandlers,
  authenticate: Authenticate,
  authenticateProgram: AuthenticateProgram,
): void {
  app.removeAllContentTypeParsers();
  const names = Object.keys(routes) as RouteName[];
  const register = (scope: FastifyInstance, name: RouteName): void =>
    registerRoute(scope, name, handlers[name], authenticate, authenticateProgram);
  app.register(takeSubmissions);
  app.register(takeJson);

  function takeSubmissions(...[scope, , done]: Parameters<FastifyPluginCallback>): void {
    scope.register(multipart, { isPartAFile: () => true, limits: { fileSize: Infinity, files: 3, parts: 3 } });
    // Read by the handler, which counts the bytes.
    scope.addContentTypeParser(["application/zip", "application/x-zip-compressed"], (_request, _payload, read) =>
      read(null),
    );
    for (const name of names) if (routes[name].body === "submission") register(scope, name);
    done();
  }

  function takeJson(...[scope, , done]: Parameters<FastifyPluginCallback>): void {
    scope.addContentTypeParser("application/json", { parseAs: "string" }, (_request, text, read) => {
      try {
        // Many clients name the type also when there is nothing to send.
        read(null, text === "" ? undefined : (JSON.parse(text as string) as unknown));
      } catch (cause) {
        read(requestInvalid(`The request's body is not valid JSON: ${(cause as Error).message}.`, "Mend the JSON."));
      }
    });
    for (const name of names) if (routes[name].body !== "submission") register(scope, name);
    done();
  }
}
