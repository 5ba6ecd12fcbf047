export type ErrorKind =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "rate_limited"
  | "unavailable"
  | "internal";

/**
 * Something a caller can act on. Made only by the named functions below, one for each code, so that this file
 * is the list of codes; `docs/reference/errors.md` explains each and a test compares the two. A code is never reused.
 */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly kind: ErrorKind;
  /** Stable, snake_case. */
  readonly code: string;
  /** What to do about it. */
  readonly hint: string;
  /** More facts for programs: positions of manifest problems, ids that matched. */
  readonly details: readonly unknown[];

  constructor(
    kind: ErrorKind,
    code: string,
    message: string,
    hint: string,
    options: { cause?: unknown; details?: readonly unknown[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.hint = hint;
    this.details = options.details ?? [];
  }
}

export function illegalTransition(id: string, from: string, to: string): ServiceError {
  return new ServiceError(
    "internal",
    "illegal_transition",
    `Run '${id}' cannot go from ${from} to ${to}.`,
    "This is a mistake in Trainyard; please report it with the server's log.",
  );
}

export function versionConflict(id: string): ServiceError {
  return new ServiceError(
    "conflict",
    "version_conflict",
    `Run '${id}' was changed by somebody else at the same moment.`,
    "Read the run again and repeat the change.",
  );
}

export function runNotFound(id: string): ServiceError {
  return new ServiceError(
    "not_found",
    "run_not_found",
    `No run has the id '${id}'.`,
    "List the runs to see the ids there are; details are kept for a limited time after a run's end.",
  );
}

export function runNotEnded(id: string, state: string): ServiceError {
  return new ServiceError(
    "conflict",
    "run_not_ended",
    `Run '${id}' is ${state} and cannot be deleted yet.`,
    `Stop it first (trainyard stop ${id}), then delete it once it has ended.`,
  );
}

export function runAlreadyEnded(id: string, state: string): ServiceError {
  return new ServiceError(
    "conflict",
    "run_already_ended",
    `Run '${id}' has already ended as ${state}.`,
    "There is nothing to stop.",
  );
}

export function runNotRunning(id: string, state: string): ServiceError {
  return new ServiceError(
    "conflict",
    "run_not_running",
    `Run '${id}' is ${state}; only the program of a running run can report metrics.`,
    "Report them while the program runs.",
  );
}

export function metricsTooFast(id: string, perSecond: number): ServiceError {
  return new ServiceError(
    "rate_limited",
    "metrics_too_fast",
    `Run '${id}' reports metrics more than ${perSecond} times a second.`,
    "Send several reports in one request, as a list.",
  );
}

export function idempotencyKeyReused(key: string, id: string): ServiceError {
  return new ServiceError(
    "conflict",
    "idempotency_key_reused",
    `The idempotency key '${key}' was used before for another submission (run '${id}').`,
    "Use a new key for a new submission; repeat a key only with exactly the same ZIP and manifest.",
  );
}

/** `problems` are the manifest reader's, each with file, line and column. */
export function manifestInvalid(problems: readonly { readonly message: string }[]): ServiceError {
  const first = problems[0]?.message ?? "it cannot be read";
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new ServiceError(
    "invalid",
    "manifest_invalid",
    `The manifest has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}: ${first}${more}`,
    "Mend each of the listed places; 'trainyard check MANIFEST' shows them without submitting.",
    { details: problems },
  );
}

export function tooManyDevices(wanted: number, present: string): ServiceError {
  return new ServiceError(
    "invalid",
    "devices_exceed_machine",
    `The run asks for ${wanted} devices, and this machine has ${present}.`,
    "Ask for a smaller size, or raise devices.cpu_slots in the configuration where slots are CPU slots.",
  );
}

export function timeLimitAboveMaximum(wanted: string, allowed: string): ServiceError {
  return new ServiceError(
    "invalid",
    "time_limit_too_long",
    `The run asks for a time limit of ${wanted}, and this server allows ${allowed}.`,
    `Write time_limit: ${allowed} or less (submit --time-limit), or ask the operator to raise time_limit.max.`,
  );
}

export function retriesAboveMaximum(wanted: number, allowed: number): ServiceError {
  return new ServiceError(
    "invalid",
    "retries_too_many",
    `The run asks for ${wanted} retries, and this server allows ${allowed}.`,
    `Write retries: ${allowed} or less (submit --retries), or ask the operator to raise retries.max.`,
  );
}

export function directoryRootNotAllowed(root: string): ServiceError {
  return new ServiceError(
    "forbidden",
    "directory_root_not_allowed",
    `The folder '${root}' is not among the roots that this server opens for the directory store.`,
    "Ask the operator to add it to stores.directory.roots, or leave 'connection' out to use the embedded store.",
  );
}

export function endpointNotAllowed(url: string, fact: string): ServiceError {
  return new ServiceError(
    "forbidden",
    "endpoint_not_allowed",
    `The endpoint '${url}' is refused: ${fact}.`,
    "Use the store's public endpoint, or ask the operator to allow the address in stores.network.allow.",
  );
}

export function requestInvalid(message: string, hint: string, details: readonly unknown[] = []): ServiceError {
  return new ServiceError("invalid", "request_invalid", message, hint, { details });
}

export function requestTooLarge(what: string, limit: string): ServiceError {
  return new ServiceError(
    "too_large",
    "request_too_large",
    `${what} is larger than the limit of ${limit}.`,
    "Send less, or ask the operator to raise the limit.",
  );
}

export function mediaTypeNotSupported(given: string | null, accepted: readonly string[]): ServiceError {
  return new ServiceError(
    "invalid",
    "media_type_not_supported",
    given === null
      ? "The request's body has no Content-Type."
      : `The request's body is '${given}', which is not taken here.`,
    `Send ${accepted.join(" or ")}.`,
  );
}

/** Anything that was not foreseen. The facts are in the server's log under the request's id; outside, nobody may read them. */
export function internalError(requestId: string, cause?: unknown): ServiceError {
  return new ServiceError(
    "internal",
    "internal_error",
    `Trainyard made a mistake while answering (request ${requestId}).`,
    "The server's log has the details under this request id; please report them.",
    { cause },
  );
}

export function rangeNotSatisfiable(offset: number, sizeBytes: number): ServiceError {
  return new ServiceError(
    "invalid",
    "range_not_satisfiable",
    `The range begins at byte ${offset}, and there are ${sizeBytes} bytes.`,
    "Begin at or before the end.",
  );
}

export function routeNotFound(method: string, path: string): ServiceError {
  return new ServiceError(
    "not_found",
    "route_not_found",
    `There is no ${method} ${path}.`,
    "openapi.json lists every route.",
  );
}

export function notAuthenticated(fact: string): ServiceError {
  return new ServiceError(
    "unauthenticated",
    "not_authenticated",
    fact,
    "Send 'Authorization: Bearer TOKEN'; on the server's own machine the token is in the file admin-token of its home.",
  );
}

export function storeBusy(fact: string, cause?: unknown): ServiceError {
  return new ServiceError("unavailable", "store_busy", fact, "Try again in a moment.", { cause });
}

/** The results bucket refused, or is gone: to ask again changes nothing. */
export function resultsNotListed(fact: string, cause?: unknown): ServiceError {
  return new ServiceError(
    "conflict",
    "results_not_listed",
    `The results bucket cannot be listed: ${fact}`,
    "Look into the bucket with credentials of your own; those of the run may have expired.",
    { cause },
  );
}

export function diskFull(what: string, cause?: unknown): ServiceError {
  return new ServiceError(
    "unavailable",
    "disk_full",
    `The disk is full: ${what} could not be written.`,
    "Free space under the server's home, then repeat; nothing was created.",
    { cause },
  );
}

/** The disk said no for another reason than being full; `fact` is what the system said. */
export function diskFailing(what: string, fact: string, cause?: unknown): ServiceError {
  return new ServiceError(
    "unavailable",
    "disk_failing",
    `The disk could not be used for ${what}: ${fact}.`,
    "Look at the file's permissions and at the system's log; then repeat.",
    { cause },
  );
}

export function databaseUnusable(path: string, fact: string, hint: string, cause?: unknown): ServiceError {
  return new ServiceError("internal", "database_unusable", `The database '${path}' cannot be used: ${fact}.`, hint, {
    cause,
  });
}

/** A file of keys or tokens in the home that must not be used as it is. */
export function keyFileRefused(path: string, fact: string, hint: string): ServiceError {
  return new ServiceError("invalid", "key_file_refused", `The key file '${path}' is not used: ${fact}.`, hint);
}

/** Says which record and never what is in it. */
export function secretUnreadable(context: string, fact: string): ServiceError {
  return new ServiceError(
    "internal",
    "secret_unreadable",
    `The credentials of '${context}' cannot be opened: ${fact}.`,
    "If the file secret.key of the server's home was replaced, add its former line again below the first; else submit again.",
  );
}

export function shuttingDown(): ServiceError {
  return new ServiceError("unavailable", "shutting_down", "The server is ending.", "Try again once it is back.");
}

export function homeUnusable(home: string, fact: string, cause: unknown): ServiceError {
  return new ServiceError(
    "invalid",
    "home_unusable",
    `The home '${home}' cannot be made or written (${fact}).`,
    "Give a folder that you may write to, with --home or TRAINYARD_HOME.",
    { cause },
  );
}

export function addressUnusable(address: string, fact: string, cause: unknown): ServiceError {
  return new ServiceError(
    "conflict",
    "address_unusable",
    `The server cannot listen on ${address}: ${fact}.`,
    "Give another address with --listen HOST:PORT or 'listen' in the configuration; port 0 picks a free one.",
    { cause },
  );
}

export function homeInUse(home: string, holder: string): ServiceError {
  return new ServiceError(
    "conflict",
    "home_in_use",
    `Another server uses the home '${home}' (${holder}).`,
    "End that server first, or give this one a home of its own with --home.",
  );
}

/** `details` are the reader's problems, each with its place. */
export function configurationInvalid(fact: string, hint: string, details: readonly unknown[] = []): ServiceError {
  return new ServiceError("invalid", "configuration_invalid", fact, hint, { details });
}
