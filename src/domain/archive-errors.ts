import { ServiceError } from "./errors.ts";

export function archiveUnreadable(fact: string, hint = "Pack the files again with zip."): ServiceError {
  return new ServiceError("invalid", "archive_unreadable", `The model definition cannot be read: ${fact}.`, hint);
}

export function archiveUnsafe(fact: string, hint: string): ServiceError {
  return new ServiceError("invalid", "archive_unsafe", `The model definition is refused: ${fact}.`, hint);
}

export function archiveTooLarge(fact: string, hint: string): ServiceError {
  return new ServiceError("too_large", "archive_too_large", `The model definition is too large: ${fact}.`, hint);
}
