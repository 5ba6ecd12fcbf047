import { open } from "node:fs/promises";
import { announce } from "./world.ts";

/** Makes the names in a folder durable: a rename or a new file survives the loss of power only after this. */
export async function syncFolder(folder: string): Promise<void> {
  announce("sync", folder);
  await using handle = await open(folder, "r");
  await handle.sync();
}
