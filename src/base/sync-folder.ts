import { open } from "node:fs/promises";

/** Makes the names in a folder durable: a rename or a new file survives the loss of power only after this. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, "r");
  await handle.sync();
}
