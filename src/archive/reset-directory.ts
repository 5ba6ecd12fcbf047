import { mkdir, rm } from "../base/world-files.ts";

/** Makes `path` an empty folder, whatever it was before. Repeating it after a crash is safe. */
export async function resetDirectory(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
}
