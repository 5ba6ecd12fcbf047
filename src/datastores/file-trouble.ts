import { RemoteError, type RemoteReason } from "./remote-error.ts";

const REASONS: Readonly<Record<string, RemoteReason>> = {
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
  EFBIG: "disk_full",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
  ENOENT: "object_missing",
  ENOTDIR: "invalid",
  EISDIR: "invalid",
  EEXIST: "invalid",
  ENOTEMPTY: "invalid",
  ENAMETOOLONG: "invalid",
  ELOOP: "invalid",
  EINVAL: "invalid",
};

const SENTENCES: Readonly<Partial<Record<RemoteReason, string>>> = {
  disk_full: "the disk is full",
  denied: "the file system denies access to it",
  object_missing: "there is no such file",
};

/** The file system's error as a store's. `what` is the beginning of the sentence: `Object 'x' of bucket 'y'`. */
export function fileTrouble(error: unknown, what: string): RemoteError {
  if (error instanceof RemoteError) return error;
  const code = codeOf(error);
  // What is left over (EIO, EMFILE, ESTALE, ...) is the machine's trouble and may pass.
  const reason = REASONS[code] ?? "server_error";
  const fact = SENTENCES[reason] ?? "the file system refuses it";
  return new RemoteError(reason, `${what}: ${fact} (${code}).`, { retryable: reason === "server_error", cause: error });
}

export function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === "string" ? code : "unknown error";
}
