import { ServiceError, databaseUnusable, diskFailing, diskFull, storeBusy } from "../../domain/errors.ts";

/** SQLite's primary result codes; the extended ones carry more in the higher bits. */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** SQLITE_IOERR_SHMSIZE: the shared-memory file beside the database could not grow, which happens on a full disk. */
const IOERR_SHMSIZE = IOERR | (19 << 8);

/** What a caller should hear instead of SQLite's error; anything that has no better name is given back as it is. */
export function translateSqliteError(error: unknown, path: string): unknown {
  if (error instanceof ServiceError || !isSqliteError(error)) return error;
  if (error.errcode === IOERR_SHMSIZE) return diskFull(`the database '${path}'`, error);
  switch (error.errcode & 0xff) {
    case FULL:
      return diskFull(`the database '${path}'`, error);
    case IOERR:
    case READONLY:
    case CANTOPEN:
      return diskFailing(`the database '${path}'`, error.errstr, error);
    case BUSY:
    case LOCKED:
      return storeBusy(`The database '${path}' is locked by another program.`, error);
    case CORRUPT:
    case NOTADB:
      return databaseUnusable(path, error.errstr, "Restore it from a backup; keep the broken file for a look.", error);
    default:
      return error;
  }
}

/** True when another connection holds a lock that was wanted. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 0xff) === BUSY;
}

/** True when a `unique` rule on the column refused an insert. */
export function isDuplicate(error: unknown, column: string): boolean {
  return isSqliteError(error) && error.message.includes(`UNIQUE constraint failed: ${column}`);
}

interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR" && "errcode" in error;
}
