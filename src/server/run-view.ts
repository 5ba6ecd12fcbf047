import type { BucketView, FailureView, RunView } from "../contract/run.ts";
import type { RunFailure } from "../domain/failure.ts";
import { CAUSES } from "../domain/failure.ts";
import type { Run } from "../domain/run.ts";
import type { BucketReference, Connection } from "../domain/training-spec.ts";
import type { RunService } from "./services.ts";

/** A run as others may see it. It is built from the training spec, which has no credentials to show. */
export function viewRun(
  run: Run,
  runs: Pick<
    RunService,
    "deviceKindOf" | "processTrackingOf" | "stagingOf" | "waiting" | "delayed" | "localCopy" | "undoUntil"
  >,
): RunView {
  const { spec } = run;
  return {
    id: run.id,
    name: spec.name,
    description: spec.description,
    author: spec.author,
    owner: run.owner,
    state: run.state,
    version: run.version,
    attempt: run.attempt,
    submittedAt: run.submittedAt.toISOString(),
    startedAt: timeOrNull(run.startedAt),
    endedAt: timeOrNull(run.endedAt),
    changedAt: run.changedAt.toISOString(),
    stopRequestedAt: timeOrNull(run.stopRequestedAt),
    timeLimitSeconds: spec.timeLimitMs === null ? null : spec.timeLimitMs / 1000,
    retries: spec.retries,
    pastAttempts: run.pastAttempts.map(({ attempt, startedAt, endedAt, failure: { cause, message } }) => {
      return { attempt, startedAt: timeOrNull(startedAt), endedAt: endedAt.toISOString(), cause, message };
    }),
    deletedAt: timeOrNull(run.deletedAt),
    undoUntil: timeOrNull(runs.undoUntil(run)),
    framework: { ...spec.framework, environment: run.environment },
    command: spec.command,
    devices: [...run.devices],
    devicesRequested: spec.devices,
    deviceKind: runs.deviceKindOf(run),
    learners: spec.learners,
    cpus: spec.cpus,
    memoryBytes: spec.memoryBytes,
    deviceType: spec.deviceType,
    checkpoints: spec.checkpoints,
    processTracking: runs.processTrackingOf(run),
    data: spec.data === null ? null : viewBucket(spec.data),
    staged: run.staged,
    staging: runs.stagingOf(run),
    results: {
      ...viewBucket(spec.results),
      folder: run.id,
      objects: run.results?.objects ?? null,
      sizeBytes: run.results?.sizeBytes ?? null,
      storedAt: timeOrNull(run.results?.storedAt ?? null),
      localCopy: runs.localCopy(run),
    },
    definition: { sha256: run.definitionSha256, sizeBytes: run.definitionSizeBytes },
    waiting: runs.waiting(run),
    delayed: viewDelay(runs.delayed(run)),
    failure: run.failure === null ? null : viewFailure(run, run.failure),
    warnings: [...run.warnings],
  };
}

export function viewBucket(reference: BucketReference): BucketView {
  const { connection } = reference;
  return { type: connection.type, bucket: reference.bucket, location: location(connection) };
}

function location(connection: Connection): string | null {
  if (connection.type === "directory") return connection.root;
  return withoutUser(connection.type === "s3" ? connection.endpointUrl : connection.authUrl);
}

/** A URL with a user in it is refused at submission; should one slip through, it still does not get out here. */
function withoutUser(text: string): string {
  const url = URL.parse(text);
  if (url === null || (url.username === "" && url.password === "")) return text;
  url.username = "";
  url.password = "";
  return url.href;
}

function viewDelay(delay: { readonly reason: string; readonly since: Date } | null): RunView["delayed"] {
  return delay === null ? null : { reason: delay.reason, since: delay.since.toISOString() };
}

/** How a run ended never changes; that its results were stored later does change what there is to do. */
function viewFailure(run: Run, failure: RunFailure): FailureView {
  const view = { ...failure, turn: CAUSES[failure.cause].turn, logTail: [...failure.logTail] };
  if (failure.cause !== "results_not_stored" || run.results === null) return view;
  const message = `${failure.message} They were stored at ${run.results.storedAt.toISOString()}.`;
  return { ...view, message, hint: "The program itself completed, and its results are in the bucket now." };
}

function timeOrNull(time: Date | null): string | null {
  return time === null ? null : time.toISOString();
}
