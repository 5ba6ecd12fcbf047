import { spawn as start } from "node:child_process";
import { announce } from "./world.ts";

/** `spawn` of `node:child_process`, through the seam. */
export const spawn: typeof start = ((command: string, ...rest: readonly unknown[]) => {
  announce("spawn", command);
  return (start as (...all: readonly unknown[]) => unknown)(command, ...rest);
}) as typeof start;

/** `process.kill`, through the seam. Signal 0 only asks and is no step. */
export function kill(pid: number, signal: NodeJS.Signals | 0): void {
  if (signal !== 0) announce("kill", `${signal} ${pid}`);
  process.kill(pid, signal);
}
