import { judgeConnection, type Judgement } from "../connection-trouble.ts";
import { findRemoteError, RemoteError } from "../remote-error.ts";
import { parseRetryAfter } from "../retry-after.ts";

/** What an error of the SDK, of the socket below it or of the parser above it may carry. All of it is optional. */
interface SdkError {
  readonly name?: string;
  /** A number in errors of the platform. */
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

const DENIED: Judgement = { reason: "denied", retryable: false, fact: "the store refused access" };
const BUSY: Judgement = { reason: "throttled", retryable: true, fact: "the store asked for fewer requests" };
const DAMAGED: Judgement = { reason: "corrupted", retryable: true, fact: "the bytes were damaged on the way" };
const BROKEN: Judgement = { reason: "server_error", retryable: true, fact: "the store had an error of its own" };
const REFUSED: Judgement = { reason: "invalid", retryable: false, fact: "the store refused the request" };

/** A map, because a name is what a server wrote: it may be one that every object of JavaScript has. */
const BY_NAME = new Map<string, Judgement>(
  Object.entries({
    NoSuchBucket: { reason: "bucket_missing", retryable: false, fact: "the bucket does not exist" },
    NoSuchKey: { reason: "object_missing", retryable: false, fact: "the object does not exist" },
    AccessDenied: DENIED,
    AllAccessDisabled: DENIED,
    AccountProblem: DENIED,
    InvalidAccessKeyId: { ...DENIED, fact: "the store does not know the access key id" },
    SignatureDoesNotMatch: { ...DENIED, fact: "the secret access key does not belong to the access key id" },
    AuthorizationHeaderMalformed: { ...DENIED, fact: "the store did not accept the signature; is the region right?" },
    ExpiredToken: { ...DENIED, fact: "the credentials have expired" },
    RequestTimeTooSkewed: { ...DENIED, fact: "the clocks of this server and of the store differ too much" },
    QuotaExceeded: { ...DENIED, fact: "the quota at the store is used up" },
    SlowDown: BUSY,
    TooManyRequests: BUSY,
    Throttling: BUSY,
    ServiceUnavailable: BUSY,
    RequestTimeout: { reason: "unreachable", retryable: true, fact: "the store waited too long for the request" },
    BadDigest: DAMAGED,
    InvalidDigest: DAMAGED,
    XAmzContentSHA256Mismatch: DAMAGED,
    IncompleteBody: DAMAGED,
    OperationAborted: { ...BROKEN, fact: "another change of the same object was under way" },
    InternalError: BROKEN,
    NoSuchUpload: { ...REFUSED, fact: "the store no longer knows the upload" },
    InvalidBucketName: { ...REFUSED, fact: "the store does not accept the bucket's name" },
    KeyTooLongError: { ...REFUSED, fact: "the key is too long for the store" },
    EntityTooLarge: { ...REFUSED, fact: "the object is too large for the store" },
    NotImplemented: { ...REFUSED, fact: "the store does not offer this" },
  }),
);

/** `what` begins the sentence: `Object 'x' of bucket 'y' at https://s3.example.org cannot be read`. */
export function translateS3Error(error: unknown, what: string): RemoteError {
  const told = findRemoteError(error);
  if (told !== undefined) return told;
  const facts = (error ?? {}) as SdkError;
  const status = facts.$metadata?.httpStatusCode ?? facts.$response?.statusCode ?? null;
  const requestId = plainRequestId(facts.$metadata?.requestId);
  const { reason, retryable, fact } = judge(facts, status);
  const shown = [
    // Below HTTP the SDK's names mislead: it calls a broken connection a time-out.
    ...(status !== null && isPlainName(facts.name) ? [facts.name] : []),
    ...(status === null ? [] : [`HTTP ${status}`]),
    ...(requestId === null ? [] : [`request ${requestId}`]),
  ];
  const details = shown.length === 0 ? "" : ` (${shown.join(", ")})`;
  // Neither the server's message nor the SDK's error goes along: both may repeat parts of the signed request.
  return new RemoteError(reason, `${what}: ${fact}${details}.`, {
    retryable,
    status,
    requestId,
    retryAfterMs: parseRetryAfter(facts.$response?.headers?.["retry-after"]),
  });
}

function judge(facts: SdkError, status: number | null): Judgement {
  const named = BY_NAME.get(facts.name ?? "");
  if (named !== undefined) return named;
  const code = typeof facts.code === "string" ? facts.code : "";
  const connection = judgeConnection(code);
  if (connection !== undefined) return connection;
  if (facts.name === "TimeoutError") {
    return { reason: "unreachable", retryable: true, fact: "it did not answer in time" };
  }
  // Of the HTTP parsers: what answers there does not speak HTTP.
  if (code.startsWith("HPE_") || facts.name === "HTTPParserError") return notS3();
  if (status !== null) return judgeStatus(status, facts);
  return {
    reason: "server_error",
    retryable: false,
    fact: `the request could not be made (${facts.name ?? "unknown"})`,
  };
}

function judgeStatus(status: number, facts: SdkError): Judgement {
  if (status >= 300 && status < 400) {
    return {
      ...REFUSED,
      fact: "the store answers with a redirect, which is not followed; name the bucket's own endpoint",
    };
  }
  if (status === 401 || status === 403) return DENIED;
  if (status === 404) return { reason: "object_missing", retryable: false, fact: "the store does not have it" };
  if (status === 408) return { reason: "unreachable", retryable: true, fact: "the store waited too long" };
  if (status === 429 || status === 503) return BUSY;
  if (status === 501) return { ...REFUSED, fact: "the store does not offer this" };
  if (status === 507) return { ...DENIED, fact: "the store is full" };
  if (status >= 500) return BROKEN;
  if (status >= 400) return REFUSED;
  return facts.code === undefined ? notS3() : BROKEN;
}

/** A page of some web server, or an answer that was cut: the second is why it may be worth another try. */
function notS3(): Judgement {
  return { reason: "server_error", retryable: true, fact: "the answer is not one of an S3 store" };
}

function isPlainName(name: string | undefined): name is string {
  return name !== undefined && name !== "Error" && /^[A-Za-z][A-Za-z0-9]{1,60}$/.test(name);
}

/** A header of the server's, so it may be anything. */
function plainRequestId(id: string | undefined): string | null {
  return id !== undefined && /^[\w.:/+=-]{1,100}$/.test(id) ? id : null;
}
