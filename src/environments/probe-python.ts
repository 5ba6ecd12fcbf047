import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { mkdtemp, rm } from "../base/world-files.ts";
import type { CommandEnding, CommandRunner } from "./bounded-command.ts";
import { probedModules } from "./framework-names.ts";
import { findPrograms, isInVirtualEnvironment, programIdentity } from "./interpreter-places.ts";
import { SYSTEM_PATH } from "./learner-path.ts";
import { PROBE_MARK, PROBE_PROGRAM } from "./python-probe-program.ts";

/** A module that is installed, after its import was tried. */
type ModuleReport =
  | { readonly status: "imported"; readonly module: string; readonly version: string }
  | { readonly status: "failed"; readonly module: string; readonly reason: string };

/** What one Python said about itself. */
export type PythonReport =
  | {
      readonly status: "works";
      /** What the interpreter calls itself; behind a pyenv shim this is the real one. */
      readonly interpreter: string;
      readonly version: string;
      readonly inVirtualEnvironment: boolean;
      readonly modules: readonly ModuleReport[];
    }
  | { readonly status: "broken"; readonly interpreter: string; readonly reason: string };

export interface PythonProbeOptions {
  readonly run: CommandRunner;
  /** The folders to look through, as in PATH. */
  readonly searchPath: string;
  /** Looked at as well, wherever PATH points. */
  readonly wellKnown: readonly string[];
  readonly timeLimitMs: number;
}

export const WELL_KNOWN_PYTHONS: readonly string[] = ["/usr/bin/python3", "/usr/local/bin/python3"];

// An import of torch or TensorFlow is a second of one core; more at once would only slow down what trains here.
const PROBES_AT_ONCE = 2;

/** Asks every Python of this machine, in the order in which PATH finds them. */
export async function probePythons(options: PythonProbeOptions, signal: AbortSignal): Promise<readonly PythonReport[]> {
  const candidates = await findPrograms("python3", options.searchPath, options.wellKnown);
  const located = await mapAtMost(PROBES_AT_ONCE, candidates, (path) => askPython(path, [], options, signal));
  const modules = probedModules().map(({ module }) => module);
  // What is probed must be what a run will get. So each interpreter is asked by its own name and not through the
  // shim that led to it: pyenv's chooses by the working directory, which for a run is the user's code.
  return await mapAtMost(PROBES_AT_ONCE, await onePerInterpreter(located), (report) =>
    report.status === "works"
      ? askPython(report.interpreter, modules, options, signal)
      : Promise.resolve<PythonReport>(report),
  );
}

/** Starts one interpreter and has it import those of `modules` that are installed. Never rejects for a bad Python. */
export async function askPython(
  interpreter: string,
  modules: readonly string[],
  options: Pick<PythonProbeOptions, "run" | "timeLimitMs"> & {
    /** Leaves compiled modules behind, so that the first program need not compile them. For environments of our own. */
    readonly keepBytecode?: boolean;
  },
  signal: AbortSignal,
): Promise<PythonReport> {
  const home = await mkdtemp(join(tmpdir(), "trainyard-probe-"));
  try {
    const ending = await options.run(
      {
        file: interpreter,
        args: ["-c", PROBE_PROGRAM, ...modules],
        env: {
          ...probeEnv(interpreter, home),
          ...(options.keepBytecode === true ? {} : { PYTHONDONTWRITEBYTECODE: "1" }),
        },
        workingDirectory: home, // `python -c` imports from the working directory first
        timeLimitMs: options.timeLimitMs,
      },
      signal,
    );
    return await readReport(interpreter, ending, options.timeLimitMs);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

// As clean as a learner's: what only works with the server's variables or in the server's home does not work.
function probeEnv(interpreter: string, home: string): Readonly<Record<string, string>> {
  return {
    PATH: `${dirname(interpreter)}:${SYSTEM_PATH}`,
    HOME: home, // Keras writes a file there when it is imported
    LANG: "C.UTF-8",
    OMP_NUM_THREADS: "1",
    OPENBLAS_NUM_THREADS: "1",
    TF_CPP_MIN_LOG_LEVEL: "3",
  };
}

const Fact = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("interpreter"), executable: z.string().min(1), version: z.string() }),
  z.object({ kind: z.literal("importing"), module: z.string() }),
  z.object({ kind: z.literal("module"), module: z.string(), version: z.string().min(1) }),
  z.object({ kind: z.literal("failed"), module: z.string(), reason: z.string() }),
]);

type Fact = z.infer<typeof Fact>;

async function readReport(candidate: string, ending: CommandEnding, timeLimitMs: number): Promise<PythonReport> {
  if (ending.status === "not_started") {
    return { status: "broken", interpreter: candidate, reason: `it does not start (${ending.reason})` };
  }
  const facts = readFacts(ending.stdout);
  const self = facts.find((fact) => fact.kind === "interpreter");
  if (self === undefined) {
    return { status: "broken", interpreter: candidate, reason: describeEnding(ending, timeLimitMs) };
  }
  return {
    status: "works",
    interpreter: self.executable,
    version: self.version,
    inVirtualEnvironment: await isInVirtualEnvironment(self.executable),
    modules: readModules(facts, describeEnding(ending, timeLimitMs)),
  };
}

function readModules(facts: readonly Fact[], ending: string): readonly ModuleReport[] {
  return facts.flatMap((fact, index): ModuleReport[] => {
    if (fact.kind === "module") return [{ status: "imported", module: fact.module, version: fact.version }];
    if (fact.kind === "failed") return [{ status: "failed", module: fact.module, reason: fact.reason }];
    // An import that is the last thing heard of did not come back.
    const isLast = fact.kind === "importing" && index === facts.length - 1;
    return isLast ? [{ status: "failed", module: fact.module, reason: `importing it: ${ending}` }] : [];
  });
}

function readFacts(output: string): readonly Fact[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith(PROBE_MARK))
    .flatMap((line) => {
      const fact = Fact.safeParse(parseJson(line.slice(PROBE_MARK.length)));
      return fact.success ? [fact.data] : [];
    });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A line cut short by the interpreter's end. It states nothing.
    return undefined;
  }
}

/** How a command ended, as the rest of a sentence, with its last line where it said something. */
export function describeEnding(ending: Exclude<CommandEnding, { status: "not_started" }>, timeLimitMs: number): string {
  const lastLine = ending.stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? "";
  const words = lastLine === "" ? "" : `: ${lastLine}`;
  if (ending.status === "timed_out") return `it had not answered after ${timeLimitMs / 1000} s`;
  if (ending.status === "signaled") return `it was ended by ${ending.signal}${words}`;
  if (ending.exitCode !== 0) return `it exited with ${ending.exitCode}${words}`;
  return `it exited without an answer that a Python would give${words}`;
}

async function onePerInterpreter(reports: readonly PythonReport[]): Promise<readonly PythonReport[]> {
  const seen = new Map<string, PythonReport>();
  for (const report of reports) {
    const identity = report.status === "works" ? await programIdentity(report.interpreter) : report.interpreter;
    if (!seen.has(identity)) seen.set(identity, report);
  }
  return [...seen.values()];
}

/** Like Promise.all over a map, with at most `limit` of them at work. */
async function mapAtMost<T, R>(limit: number, items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async () => {
    // Both lanes draw from the one iterator, so each item is taken once.
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: limit }, lane));
  return results;
}
