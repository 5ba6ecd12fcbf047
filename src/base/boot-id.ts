import { readFile } from "node:fs/promises";

/** Which start of the machine this is, where it can be told; empty elsewhere. */
export async function readBootId(): Promise<string> {
  return readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""); // Not Linux.
}
