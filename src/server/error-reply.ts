import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { formatBytes } from "../base/byte-size.ts";
import { problemOf, type Problem } from "../contract/problem.ts";
import {
  internalError,
  mediaTypeNotSupported,
  requestInvalid,
  requestTooLarge,
  ServiceError,
} from "../domain/errors.ts";

/** JSON bodies are a few fields; whatever is larger is a mistake or an attack. */
export const JSON_BODY_LIMIT_BYTES = 65_536;

const RETRY_AFTER_S = "1";

/** The one place where an error becomes an answer. What is not a `ServiceError` is logged, and told as `internal_error`. */
export function replyWithError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = error instanceof ServiceError ? error : translate(error, request);
  const told = known ?? internalError(request.id, error);
  if (told.kind === "internal") request.log.error({ err: error }, "A request failed by a mistake of ours.");
  const problem = problemOf(told) as Problem;
  if (problem.status === 401) reply.header("www-authenticate", 'Bearer realm="trainyard"');
  if (problem.status === 503 || problem.status === 429) reply.header("retry-after", RETRY_AFTER_S);
  // A string: the problem goes out as it is, whatever schema the route has for this status.
  void reply.code(problem.status).type("application/problem+json; charset=utf-8").send(JSON.stringify(problem));
}

/** Fastify's own refusals, in our words. Undefined for what is nobody's mistake but ours. */
function translate(error: unknown, request: FastifyRequest): ServiceError | undefined {
  if (!(error instanceof Error)) return undefined;
  // Node wraps the reason of an aborted signal.
  if (error.cause instanceof ServiceError && error.name === "AbortError") return error.cause;
  const { code, statusCode = 500 } = error as Partial<FastifyError>;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return requestTooLarge("The request's body", formatBytes(JSON_BODY_LIMIT_BYTES));
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return mediaTypeNotSupported(request.headers["content-type"] ?? null, acceptedTypes(request));
    case "FST_ERR_BAD_URL":
      return requestInvalid("The URL's path cannot be decoded.", "Percent-encode it as UTF-8.");
    default:
  }
  // The rest of Fastify's client errors say what is wrong without a word about us.
  const isClientError = code?.startsWith("FST_") === true && statusCode >= 400 && statusCode < 500;
  if (isClientError) return requestInvalid(`The request cannot be read: ${error.message}.`, "Mend the request.");
  if (hasClientGone(error)) return requestInvalid("The request ended before its body did.", "Send it again.");
  return undefined;
}

/** Nobody reads the answer any more; this only keeps a lost connection from being logged as our mistake. */
function hasClientGone(error: Error): boolean {
  const { code = "" } = error as NodeJS.ErrnoException;
  return error.name === "AbortError" || ["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"].includes(code);
}

function acceptedTypes(request: FastifyRequest): readonly string[] {
  return request.routeOptions.schema?.operationId === "submitRun"
    ? ["multipart/form-data", "application/zip"]
    : ["application/json"];
}

/** What the HTTP parser itself refuses never becomes a request; it is answered on the bare connection. */
export function replyToBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code !== "ECONNRESET" && socket.writable) socket.write(brokenRequestAnswer(error.code));
  socket.destroy();
}

function brokenRequestAnswer(code: string | undefined): string {
  const [status, told] = brokenRequest(code);
  const body = JSON.stringify({ ...problemOf(told), status });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Content-Type: application/problem+json; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

function brokenRequest(code: string | undefined): [status: number, told: ServiceError] {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return [431, requestTooLarge("The request's header", "64 kB")];
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return [408, requestInvalid("The request did not arrive in time.", "Send it again.")];
    default:
      return [400, requestInvalid("This is not a valid HTTP/1.1 request.", "Check the client, or a proxy between.")];
  }
}
