import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./service.ts";

/** The folder of the examples, one folder for each framework and one for the data. */
export const EXAMPLES = join(ROOT, "examples", "fashion-mnist");

/** The four files of images and labels that every example trains on. */
export async function* trainingData(): AsyncGenerator<{
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}> {
  const folder = join(EXAMPLES, "data");
  for (const name of globSync("*.gz", { cwd: folder })) {
    yield { name, bytes: new Uint8Array(await readFile(join(folder, name))) };
  }
}
