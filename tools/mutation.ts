// `npm run test:mutation [FILE...]`: changes one place of a file at a time and runs the tests that cover it. What no
// test notices is printed. It works on copies of the tree, takes minutes, and is no part of CI.
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { COVERED, type Covered, EQUIVALENT } from "./mutation-list.ts";

const AT_ONCE = 2;
/** A change that makes a test go round for ever is noticed, too: after this many times as long as the tests take without it. */
const PATIENCE = 5;
const SHORTEST_LIMIT_MS = 10_000;
const LONGEST_LIMIT_MS = 120_000;
const WANTED_SCORE = 90;

/** The same tests as ever, in one process and ended by the first that fails. */
const CONFIGURATION = `export default {
  test: {
    include: ["**/*.test.ts"], pool: "threads", isolate: false, fileParallelism: false,
    bail: 1, retry: 0, testTimeout: 20_000, reporters: ["dot"],
  },
};
`;

interface Score {
  readonly file: string;
  readonly survivors: readonly Mutant[];
  readonly equivalent: number;
  readonly mutants: number;
  readonly branches: number;
  readonly openBranches: number;
}

function copyOfTree(): string {
  const copy = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "trainyard-mutation-"));
  for (const name of ["src", "test", "tools", "bin", "package.json", "tsconfig.json"]) {
    cpSync(name, join(copy, name), { recursive: true });
  }
  symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
  writeFileSync(join(copy, "mutation.config.ts"), CONFIGURATION);
  return copy;
}

/** What the tests say to the copy as it is: null where they pass, else the end of what they print. */
async function complaintOf(copy: string, tests: readonly string[], limitMs: number): Promise<string | null> {
  for (const test of tests) {
    const complaint = await complaintOfTest(copy, test, limitMs);
    if (complaint !== null) return complaint;
  }
  return null;
}

async function complaintOfTest(copy: string, test: string, limitMs: number): Promise<string | null> {
  const args = ["-n", "10", "vitest", "run", "--config", "mutation.config.ts", test];
  const env = { ...process.env, TMPDIR: copy };
  const child = spawn("nice", args, { cwd: copy, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const timer = setTimeout(() => endGroup(child), limitMs);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  clearTimeout(timer);
  return code === 0 ? null : said.slice(-3000) || "it did not end";
}

function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

/** The changes that nobody notices, in the order of the file. */
async function survivorsOf(
  file: string,
  mutants: readonly Mutant[],
  copies: readonly string[],
  limitMs: number,
): Promise<Mutant[]> {
  const { tests } = COVERED[file] as Covered;
  const source = readFileSync(file, "utf8");
  const left = mutants.entries();
  const survivors = new Map<number, Mutant>();
  const walk = async (copy: string): Promise<void> => {
    for (const [index, mutant] of left) {
      writeFileSync(join(copy, file), mutant.source);
      if ((await complaintOf(copy, tests, limitMs)) === null) survivors.set(index, mutant);
    }
    writeFileSync(join(copy, file), source);
  };
  await Promise.all(copies.map(walk));
  return [...survivors].toSorted(([a], [b]) => a - b).map(([, mutant]) => mutant);
}

async function scoreOf(file: string, copies: readonly string[]): Promise<Score> {
  const { tests, branches } = COVERED[file] ?? { tests: [], branches: /^/ };
  if (tests.length === 0) throw new Error(`No tests are named for ${file}.`);
  const beganMs = performance.now();
  const complaint = await complaintOf(copies[0] as string, tests, LONGEST_LIMIT_MS);
  if (complaint !== null) throw new Error(`The tests of ${file} fail before any change:\n${complaint}`);
  const limitMs = Math.max(SHORTEST_LIMIT_MS, PATIENCE * (performance.now() - beganMs));
  const all = mutantsOf(readFileSync(file, "utf8"));
  const allowed = EQUIVALENT.filter((each) => each.file === file);
  const isAllowed = (mutant: Mutant): boolean =>
    allowed.some(({ before, change }) => before === mutant.before && change === mutant.change);
  for (const { before, change } of allowed) {
    const isThere = all.some((mutant) => mutant.before === before && mutant.change === change);
    if (!isThere)
      throw new Error(`The list of changes without a difference names one that is not made: ${before} | ${change}`);
  }
  const mutants = all.filter((mutant) => !isAllowed(mutant));
  const survivors = await survivorsOf(file, mutants, copies, limitMs);
  const decides = ({ before }: Mutant): boolean => branches.test(before);
  return {
    file,
    survivors,
    equivalent: all.length - mutants.length,
    mutants: mutants.length,
    branches: mutants.filter(decides).length,
    openBranches: survivors.filter(decides).length,
  };
}

function print({ file, survivors, equivalent, mutants, branches, openBranches }: Score): boolean {
  const noticed = mutants - survivors.length;
  const percent = (100 * noticed) / mutants;
  const counts = `${noticed} of ${mutants} noticed (${percent.toFixed(1)} %), ${equivalent} without a difference`;
  process.stdout.write(`${file}: ${counts}; branches: ${branches - openBranches} of ${branches}\n`);
  for (const { line, before, change } of survivors) process.stdout.write(`  ${line}: ${before} | ${change}\n`);
  return percent >= WANTED_SCORE && openBranches === 0;
}

async function main(): Promise<void> {
  const files = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(COVERED);
  const copies = Array.from({ length: AT_ONCE }, copyOfTree);
  try {
    for (const file of files) if (!print(await scoreOf(file, copies))) process.exitCode = 1;
  } finally {
    for (const copy of copies) rmSync(copy, { recursive: true });
  }
}

await main();
