import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdtemp, rm } from "../base/world-files.ts";
import type { CommandRunner } from "./bounded-command.ts";
import { findPrograms, isProgram, programIdentity } from "./interpreter-places.ts";
import { SYSTEM_PATH } from "./learner-path.ts";

export interface NodeReport {
  readonly interpreter: string;
  /** Without the leading `v`. */
  readonly version: string;
}

export interface NodeProbeOptions {
  readonly run: CommandRunner;
  readonly searchPath: string;
  readonly timeLimitMs: number;
}

/** The Node that runs this service, and those on PATH that are others. One that does not say its version is left out. */
export async function probeNodes(options: NodeProbeOptions, signal: AbortSignal): Promise<readonly NodeReport[]> {
  // A package manager may replace the running program's file under its feet.
  const self = (await isProgram(process.execPath)) ? process.execPath : null;
  const selfIdentity = self === null ? null : await programIdentity(self);
  const reports: NodeReport[] = self === null ? [] : [{ interpreter: self, version: process.versions.node }];
  for (const candidate of await findPrograms("node", options.searchPath)) {
    if ((await programIdentity(candidate)) === selfIdentity) continue;
    const version = await askVersion(candidate, options, signal);
    if (version !== undefined) reports.push({ interpreter: candidate, version });
  }
  return reports;
}

async function askVersion(node: string, options: NodeProbeOptions, signal: AbortSignal): Promise<string | undefined> {
  const home = await mkdtemp(join(tmpdir(), "trainyard-probe-"));
  try {
    const ending = await options.run(
      {
        file: node,
        args: ["--version"],
        env: { PATH: SYSTEM_PATH, HOME: home },
        workingDirectory: home,
        timeLimitMs: options.timeLimitMs,
      },
      signal,
    );
    return ending.status === "exited" ? /^v(\d+\.\d+\.\d+\S*)\s*$/.exec(ending.stdout)?.[1] : undefined;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
