import { expect, test } from "vitest";
import { RemoteError, type RemoteReason } from "../../datastores/remote-error.ts";
import { environmentUnavailable } from "../../domain/environment-errors.ts";
import { outcomeOfExit, outcomeOfStaging } from "./failures.ts";

const context = { phase: "running", attempt: 1, logTail: ["last line"] } as const;

test.each([
  [1, "program_exit", "exit code 1"],
  [3, "program_exit", "exit code 3"],
  [126, "command_not_executable", "126"],
  [127, "command_not_found", "127"],
  [134, "program_signal", "SIGABRT"],
  [137, "program_signal", "SIGKILL"],
  [143, "program_signal", "SIGTERM"],
  [255, "program_exit", "exit code 255"],
])("exit code %d is told as %s and names %s", (exitCode, cause, named) => {
  const outcome = outcomeOfExit(exitCode, null, context);
  expect(outcome).toMatchObject({
    state: "failed",
    failure: { cause, exitCode, signal: null, logTail: ["last line"], message: expect.stringContaining(named) },
  });
});

test("an import that found nothing leads to the requirements", () => {
  const logTail = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'pandas'"];
  const outcome = outcomeOfExit(1, null, { ...context, logTail });
  expect(outcome).toMatchObject({ failure: { hint: expect.stringMatching(/'pandas'.* requirements\.txt/) } });
});

test("only exit code 0 is a success", () => {
  expect(outcomeOfExit(0, null, context)).toEqual({ state: "completed" });
  for (let code = 1; code <= 255; code += 1) expect(outcomeOfExit(code, null, context).state).toBe("failed");
  expect(outcomeOfExit(0, "SIGKILL", context).state).toBe("failed");
});

test.each([
  ["denied", "data_denied"],
  ["bucket_missing", "data_missing"],
  ["unreachable", "data_unreachable"],
  ["throttled", "data_unreachable"],
  ["corrupted", "data_unusable"],
  ["disk_full", "disk_full"],
] as [RemoteReason, string][])("a store's '%s' while staging ends the run as %s", (reason, cause) => {
  const error = new RemoteError(reason, "bucket 'mnist' at https://s3.example.org said no", { retryable: false });
  const outcome = outcomeOfStaging(error, { ...context, phase: "downloading" });
  expect(outcome).toMatchObject({ state: "failed", failure: { cause, phase: "downloading", exitCode: null } });
});

test("a full disk and a vanished environment are told apart from the data's faults", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  expect(outcomeOfStaging(full, context)).toMatchObject({ failure: { cause: "disk_full" } });
  const gone = environmentUnavailable("pytorch", "1.13", "no Python with torch was found", "Install it.");
  expect(outcomeOfStaging(gone, context)).toMatchObject({
    failure: { cause: "environment_missing", hint: "Install it." },
  });
});
