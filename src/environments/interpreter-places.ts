import { access, constants, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";

/** More than this many of one name on a PATH is a mistake, and each costs seconds to probe. */
const MOST_CANDIDATES = 16;

/** The executables called `name` in the folders of `searchPath` and then at `extra`, each file once, in that order. */
export async function findPrograms(
  name: string,
  searchPath: string,
  extra: readonly string[] = [],
): Promise<readonly string[]> {
  // A relative folder means another place for every working directory; a learner's is the user's own code.
  const folders = searchPath.split(":").filter((folder) => isAbsolute(folder));
  const candidates = [...folders.map((folder) => join(folder, name)), ...extra];
  const found = new Map<string, string>();
  for (const candidate of candidates) {
    if (found.size === MOST_CANDIDATES) break;
    if (!(await isProgram(candidate))) continue;
    const identity = await programIdentity(candidate);
    if (!found.has(identity)) found.set(identity, candidate);
  }
  return [...found.values()];
}

export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Not there, not ours to run, or a link to nothing: no program either way.
    return false;
  }
}

export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Not there, or behind something that is no folder.
    return false;
  }
}

/**
 * Two paths with one identity are the same interpreter. A virtual environment's `bin/python3` is a link to the
 * Python that it was made from and yet another interpreter, so it is identified by its own folder.
 */
export async function programIdentity(path: string): Promise<string> {
  if (await isInVirtualEnvironment(path)) return join(await realpath(dirname(path)), basename(path));
  return await realpath(path);
}

/** Python looks for the same file to decide it: `pyvenv.cfg` beside the `bin` folder. */
export async function isInVirtualEnvironment(interpreter: string): Promise<boolean> {
  try {
    return (await stat(join(dirname(dirname(interpreter)), "pyvenv.cfg"))).isFile();
  } catch {
    // No such file: an ordinary interpreter.
    return false;
  }
}
