import { LogController, type FastifyInstance, type FastifyServerOptions } from "fastify";

/** Where log lines go and from which level on. Lines are JSON (pino). */
export interface LoggerSettings {
  readonly level: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  /** Standard output where left out. */
  readonly stream?: { write(line: string): void };
}

/**
 * One line for each answer instead of Fastify's two, and none of it from the request but method and path: a query or a
 * header may hold what nobody should find in a log. Redaction stands behind that for lines written by others.
 */
export function loggerOptions(settings: LoggerSettings): Pick<FastifyServerOptions, "logger" | "logController"> {
  return {
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    logger: {
      level: settings.level,
      redact: ["authorization", "*.authorization", "*.headers", "*.manifest", "token", "*.token"],
      ...(settings.stream === undefined ? {} : { stream: settings.stream }),
    },
  };
}

export function logAnswers(app: FastifyInstance): void {
  app.addHook("onResponse", (request, reply, done) => {
    const level = reply.statusCode >= 500 ? "error" : request.method === "GET" ? "debug" : "info";
    request.log[level](
      {
        method: request.method,
        path: request.url.split("?", 1)[0],
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        account: request.principal?.account,
      },
      "answered",
    );
    done();
  });
}
