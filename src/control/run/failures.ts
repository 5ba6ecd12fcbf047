import { constants } from "node:os";
import type { Cause, RunFailure } from "../../domain/failure.ts";
import type { RunOutcome } from "../../domain/run.ts";
import type { RunState } from "../../domain/run-state.ts";
import { RemoteError, type RemoteReason } from "../../datastores/remote-error.ts";
import { ServiceError } from "../../domain/errors.ts";
import { EngineError } from "../../engines/engine-error.ts";
import { EnvironmentBuildError } from "../../environments/build-error.ts";

/** Everything about a failure that does not depend on the cause. */
export interface FailureContext {
  readonly phase: RunState;
  readonly attempt: number;
  readonly logTail: readonly string[];
}

export function failed(
  context: FailureContext,
  cause: Cause,
  message: string,
  hint: string,
  exitCode: number | null = null,
  signal: string | null = null,
): RunOutcome & { readonly state: "failed" } {
  const failure: RunFailure = { ...context, cause, learner: null, exitCode, signal, message, hint };
  return { state: "failed", failure };
}

// Some numbers have an old second name after the usual one (SIGABRT, SIGIOT): turned round, the first is kept.
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

/** The outcome of a program that ended, by the exit code as the shell saw it (POSIX.1-2017, 2.8.2). */
export function outcomeOfExit(exitCode: number, signal: string | null, context: FailureContext): RunOutcome {
  const log = "'trainyard logs' shows all of its log.";
  if (exitCode === 0 && signal === null) return { state: "completed" };
  if (signal !== null) {
    return failed(context, "program_signal", `The program was ended by ${signal}.`, log, exitCode, signal);
  }
  if (exitCode === 127) {
    return failed(
      context,
      "command_not_found",
      "The shell did not find the command or a program it starts (exit code 127).",
      "Check the command's spelling and that the file is in the ZIP; 'trainyard check ZIP MANIFEST' lists the files.",
      exitCode,
    );
  }
  if (exitCode === 126) {
    return failed(
      context,
      "command_not_executable",
      "The command was found but could not be executed (exit code 126).",
      "Give the file an execute bit in the ZIP, or start it through its interpreter (python3 FILE).",
      exitCode,
    );
  }
  const likely = exitCode > 128 ? SIGNAL_NAMES.get(exitCode - 128) : undefined;
  if (likely === undefined) {
    const hint = hintForMissingModule(context.logTail) ?? log;
    return failed(context, "program_exit", `The program ended with exit code ${exitCode}.`, hint, exitCode);
  }
  const memory = likely === "SIGKILL" ? " SIGKILL is also what the kernel sends when memory runs out." : "";
  return failed(
    context,
    "program_signal",
    `The program ended with exit code ${exitCode}, most likely ended by ${likely}.`,
    `${log}${memory}`,
    exitCode,
  );
}

/** What Python prints of an import that found nothing, last of all; null where it did not. */
function hintForMissingModule(logTail: readonly string[]): string | null {
  const lines = logTail
    .join("\n")
    .matchAll(/^(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,100})'?/gm);
  const module = [...lines].at(-1)?.[1];
  if (module === undefined) return null;
  return (
    `Python did not find '${module}': if it is a package, name it in a requirements.txt in the ZIP and that file under ` +
    `framework.requirements in the manifest; if it is a file of yours, check that it is in the ZIP.`
  );
}

/** The kernel counted it: no guess from the exit code, which may be the one of a program that saw its child being killed. */
export function outcomeOfLackOfMemory(exitCode: number, context: FailureContext): RunOutcome {
  return failed(
    context,
    "out_of_memory",
    `Memory ran out: the kernel killed a process of the program, which then ended with exit code ${exitCode}.`,
    "Let it use less memory, by a smaller batch or fewer processes that load data, or ask the operator for more.",
    exitCode,
  );
}

const DATA_CAUSES: Record<RemoteReason, Cause> = {
  unreachable: "data_unreachable",
  address_refused: "data_denied",
  denied: "data_denied",
  bucket_missing: "data_missing",
  object_missing: "data_unusable",
  throttled: "data_unreachable",
  server_error: "data_unreachable",
  corrupted: "data_unusable",
  disk_full: "disk_full",
  invalid: "data_unusable",
};

const DATA_HINTS: Partial<Record<Cause, string>> = {
  data_unreachable: "Check endpoint_url and that the store is up, then submit again.",
  data_denied: "Check the credentials and the rights of the training data's connection in the manifest.",
  data_missing: "Check the bucket's name in training_data and that the training data was uploaded.",
  data_unusable: "The message names the object; mend or remove it in the bucket, then submit again.",
  disk_full: "Free space on the server's disk, then submit again.",
};

const ADDRESS_HINT =
  "Use the store's public endpoint, or ask the operator to allow the address in stores.network.allow.";

/** The outcome of a run whose code or data could not be brought into place. */
export function outcomeOfStaging(error: unknown, context: FailureContext): RunOutcome {
  if (isDiskFull(error)) {
    return failed(context, "disk_full", `The disk is full: ${messageOf(error)}.`, DATA_HINTS.disk_full ?? "");
  }
  if (error instanceof RemoteError) {
    const cause = DATA_CAUSES[error.reason];
    const hint = error.hint ?? (error.reason === "address_refused" ? ADDRESS_HINT : DATA_HINTS[cause]);
    return failed(context, cause, error.message, hint ?? "");
  }
  if (error instanceof EnvironmentBuildError) {
    const cause = error.trouble === "disk_full" ? "disk_full" : "environment_not_built";
    return failed({ ...context, logTail: error.lastLines }, cause, error.message, error.hint);
  }
  if (error instanceof ServiceError) {
    const cause = error.code === "environment_unavailable" ? "environment_missing" : "start_failed";
    return failed(context, cause, error.message, error.hint);
  }
  if (error instanceof EngineError || isSystemError(error) || isTimeout(error)) {
    const hint = "Submit it again; if it fails again, the server's log has more.";
    return failed(context, "start_failed", `The run could not be started: ${messageOf(error)}.`, hint);
  }
  const hint = "This is a mistake in Trainyard; please report it with the server's log.";
  return failed(context, "service_bug", `The service could not prepare the run: ${messageOf(error)}.`, hint);
}

/** Trouble of the service's own that passes, such as a busy database or a full disk under it: no run's fault. */
export function isPassingTrouble(error: unknown): boolean {
  return error instanceof ServiceError && error.kind === "unavailable";
}

/** An error of a system call: its code names what the machine refused. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

/** What AbortSignal.timeout rejects with: a learner that did not come up in time. */
function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function isDiskFull(error: unknown): boolean {
  if (error instanceof RemoteError) return error.reason === "disk_full";
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
