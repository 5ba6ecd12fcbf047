import { readFile } from "node:fs/promises";

let known: Promise<string> | null = null;

/** Which start of the machine this is, where it can be told; empty elsewhere. Read once, since no process outlives it. */
export async function readBootId(): Promise<string> {
  known ??= readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""); // Not Linux.
  return known;
}
