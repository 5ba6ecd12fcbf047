// `npm test`: everything that decides whether a change is good, in the order in which it fails fastest.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REQUIREMENTS } from "./requirements.ts";

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const CHECKS: readonly Step[] = [
  { name: "types", command: ["tsc"] },
  { name: "lint", command: ["oxlint", "--deny-warnings"] },
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "unused", command: ["knip"] },
];

/** What takes minutes and prints counts of its own. */
const LAST: readonly Step[] = [
  { name: "crashes", command: ["node", "test/crash/main.ts"] },
  { name: "simulation", command: ["node", "test/simulation/main.ts"] },
];

function main(): void {
  const missing = REQUIREMENTS.filter((requirement) => !requirement.isThere());
  for (const { name, command } of CHECKS) {
    process.stdout.write(`--- ${name}: ${command.join(" ")}\n`);
    if (run(command) !== 0) return end(1, missing);
  }
  const folder = mkdtempSync(join(tmpdir(), "trainyard-test-"));
  const report = join(folder, "report.json");
  process.stdout.write("--- tests\n");
  const status = run(["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`]);
  // Without a report the runner itself failed, and its own words above say why.
  const counts = status === 0 ? countOf(report) : null;
  rmSync(folder, { recursive: true, force: true });
  if (status !== 0) return end(status, missing);
  for (const { name, command } of LAST) {
    process.stdout.write(`--- ${name}: ${command.join(" ")}\n`);
    if (run(command) !== 0) return end(1, missing);
  }
  end(status, missing);
  if (counts !== null) process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
}

function run(command: readonly string[]): number {
  const [program = "", ...args] = command;
  return spawnSync(program, args, { stdio: "inherit" }).status ?? 1;
}

function countOf(report: string): { passed: number; failed: number } {
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8")) as Record<string, number>;
  return { passed: numPassedTests ?? 0, failed: numFailedTests ?? 0 };
}

function end(status: number, missing: typeof REQUIREMENTS): void {
  process.exitCode = status;
  if (missing.length === 0) return;
  const parts = missing.map(({ for: what, packages }) => `${what} (apt-get install ${packages.join(" ")})`);
  process.stdout.write(`Left out: ${parts.join("; ")}\n`);
  if (process.env["CI"] === "true") process.exitCode = 1;
}

main();
