import { ServiceError } from "./errors.ts";

export function environmentUnavailable(framework: string, version: string, fact: string, hint: string): ServiceError {
  return new ServiceError(
    "invalid",
    "environment_unavailable",
    `Framework ${framework} ${version} cannot run here: ${fact}.`,
    hint,
  );
}

/** `lastLines` are what the tool printed last. */
export function environmentNotBuilt(
  what: string,
  fact: string,
  hint: string,
  lastLines: readonly string[],
): ServiceError {
  const message = `The environment for ${what} could not be built. ${fact}`;
  return new ServiceError("conflict", "environment_not_built", message, hint, { details: lastLines });
}

export function environmentNotFound(id: string): ServiceError {
  return new ServiceError(
    "not_found",
    "environment_not_found",
    `No environment that was built here has the id '${id}'.`,
    "'trainyard environments list' shows the ids there are.",
  );
}

export function environmentInUse(id: string): ServiceError {
  return new ServiceError(
    "conflict",
    "environment_in_use",
    `Environment '${id}' is being built, or live runs use it.`,
    "Remove it once these runs have ended.",
  );
}
