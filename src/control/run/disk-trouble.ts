import { diskFailing, diskFull } from "../../domain/errors.ts";

const FULL = new Set(["ENOSPC", "EDQUOT"]);
const FAILING = new Set(["EIO", "EROFS", "EACCES", "EPERM"]);

/** Does what touches files for a caller, who is told of a disk that said no as such and never as of a mistake of ours. */
export async function onDisk<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== undefined && FULL.has(code)) throw diskFull(what, error);
    if (code !== undefined && FAILING.has(code)) throw diskFailing(what, message, error);
    throw error;
  }
}
