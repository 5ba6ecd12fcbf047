import { availableParallelism, loadavg } from "node:os";

/** A time limit for a machine that has nothing else to do, stretched for one that has: a crash test tells of mistakes, not of neighbours. */
export function stretched(limitMs: number): number {
  const [lastMinute = 0] = loadavg();
  return limitMs * Math.max(1, lastMinute / availableParallelism());
}
