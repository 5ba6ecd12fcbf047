import { chmod, open } from "../../base/world-files.ts";

/**
 * Makes the file, empty, if it is not there, and readable for the server's user alone in any case. SQLite gives
 * its side files the same mode.
 *
 * A file that is there is never opened: a process that closes any descriptor of a file loses all its own POSIX
 * locks on it, SQLite's too.
 */
export async function makePrivateFile(path: string): Promise<void> {
  try {
    await using _file = await open(path, "ax", 0o600);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    await chmod(path, 0o600);
  }
}
