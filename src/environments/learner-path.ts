import type { Environment } from "./environment.ts";

/** What every program finds without any environment. The server's own PATH never reaches a learner. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The PATH of a learner: the environment's own programs, its folders, then the system's. */
export function pathFor(environment: Pick<Environment, "path">, programFolder: string | null): string {
  const first = programFolder === null ? [] : [programFolder];
  return [...first, ...environment.path, SYSTEM_PATH].join(":");
}
