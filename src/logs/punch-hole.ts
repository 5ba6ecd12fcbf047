import type { FileHandle } from "node:fs/promises";
import { spawn } from "../base/world-processes.ts";

/**
 * Gives the disk back what lies between the two offsets of a file that is open for writing; it reads as zeros then, and all
 * other offsets stay. May be repeated. Null, or a sentence about why it cannot be done here: not every file system can.
 *
 * Node has no call for it; util-linux has a program, which gets the open file rather than a path that may change.
 */
export async function punchHole(file: FileHandle, from: number, to: number): Promise<string | null> {
  const range = ["--offset", String(from), "--length", String(to - from)];
  const child = spawn("fallocate", ["--punch-hole", ...range, "/proc/self/fd/3"], {
    stdio: ["ignore", "ignore", "pipe", file.fd],
  });
  const said: Buffer[] = [];
  child.stderr?.on("data", (bytes: Buffer) => said.push(bytes));
  return new Promise((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => resolve(`'fallocate' cannot be started (${error.code})`));
    child.once("close", (code) => {
      const lastLine = Buffer.concat(said).toString().trim().split("\n").at(-1) ?? "";
      resolve(code === 0 ? null : `'fallocate' failed: ${lastLine.slice(0, 200)}`);
    });
  });
}
