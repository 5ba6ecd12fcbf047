import { once } from "node:events";
import { unmountBelow } from "../../base/mounts.ts";
import { rm, rmdir } from "../../base/world-files.ts";
import { spawn } from "../../base/world-processes.ts";

/** Removes a folder where it is empty and nothing is mounted on it, which the kernel itself sees to; tells whether it is gone. */
export async function removeEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

/**
 * Removes a folder that a program has filled. What is mounted in it is taken away first, by us or by a program that
 * could: removal would go on behind it. Node goes by whole paths, and so fails where folders are nested deeper
 * than a path may be long; and a folder that was made read-only cannot be emptied by anybody but root. The system's
 * own tools step from folder to folder and can first be given the right to write.
 */
export async function removeTree(path: string): Promise<void> {
  await unmountBelow(path);
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 2 });
  } catch (error) {
    await succeeds("chmod", ["-R", "u+rwX", "--", path]);
    if (!(await succeeds("rm", ["-rf", "--one-file-system", "--", path]))) throw error;
  }
}

async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(program, args, { stdio: "ignore" });
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    return code === 0;
  } catch {
    // It could not be started; the first error tells more than that.
    return false;
  }
}
