// `npm run test:mutation [FILE...]`: changes one place of a file at a time and runs the tests that cover it. What no
// test notices is printed. It works on a copy of the tree, takes minutes, and is no part of CI.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The files whose rules must not be lost, and the tests that hold them. */
const COVERED: Readonly<Record<string, readonly string[]>> = {
  "src/domain/run-state.ts": ["src/domain/run-state.test.ts", "src/domain/run.test.ts"],
  "src/domain/run.ts": ["src/domain/run.test.ts"],
  "src/control/scheduler.ts": ["src/control/scheduler.test.ts"],
  "src/control/waiting-queue.ts": ["src/control/scheduler.test.ts"],
  "src/control/retention-decision.ts": ["src/control/retention-decision.test.ts"],
  "src/control/retention.ts": ["test/unit/retention.test.ts"],
  "src/control/trash.ts": ["test/unit/removal.test.ts"],
  "src/datastores/key-path.ts": ["src/datastores/key-path.test.ts"],
};

/** What an expression may be changed to. Text, not syntax: a change that does not compile or run counts as noticed. */
const CHANGES: readonly (readonly [pattern: RegExp, to: string])[] = [
  [/===/g, "!=="],
  [/!==/g, "==="],
  [/ < /g, " <= "],
  [/ < /g, " >= "],
  [/ > /g, " >= "],
  [/ > /g, " <= "],
  [/ <= /g, " < "],
  [/ >= /g, " > "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ \?\? /g, " && "],
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/ \* /g, " / "],
  [/\+= 1/g, "-= 1"],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/\b0\b/g, "1"],
  [/\b1\b/g, "2"],
  [/if \((?=[^()]*(?:\([^()]*\)[^()]*)*\))/g, "if (true || "],
  [/if \((?=[^()]*(?:\([^()]*\)[^()]*)*\))/g, "if (false && "],
  [/"[a-z_]+", /g, ""],
  [/\["[a-z_]+"\]/g, "[]"],
  [/\.some\(/g, ".every("],
  [/\.every\(/g, ".some("],
];

/** A whole statement on one line may be left out. */
const STATEMENT = /^\s+(?!return\b|const\b|let\b|import\b|export\b|readonly\b|\/\/|\*|throw\b)[\w#.[\]]+.*;$/;

interface Mutant {
  readonly line: number;
  readonly text: string;
  readonly source: string;
}

function mutantsOf(source: string): readonly Mutant[] {
  const lines = source.split("\n");
  const mutants: Mutant[] = [];
  let isType = false;
  for (const [index, line] of lines.entries()) {
    if (/^(?:export )?(?:interface|type) /.test(line)) isType = !line.endsWith(";");
    const isCode = !isType && !/^\s*(?:\/\/|\/\*|\*|import\b)/.test(line);
    if (line.startsWith("}")) isType = false;
    if (!isCode) continue;
    for (const text of changesOf(line)) {
      mutants.push({
        line: index + 1,
        text,
        source: [...lines.slice(0, index), text, ...lines.slice(index + 1)].join("\n"),
      });
    }
  }
  return mutants;
}

function changesOf(line: string): readonly string[] {
  const [code = ""] = line.split(" // ");
  const changed = CHANGES.flatMap(([pattern, to]) =>
    [...code.matchAll(pattern)].map(
      ({ index, 0: found }) => code.slice(0, index) + to + code.slice(index + found.length),
    ),
  );
  return STATEMENT.test(line) ? [...changed, ""] : changed;
}

function copyOfTree(): string {
  const copy = mkdtempSync(join(tmpdir(), "trainyard-mutation-"));
  for (const name of ["src", "test", "tools", "package.json", "tsconfig.json", "vitest.config.ts"]) {
    cpSync(name, join(copy, name), { recursive: true });
  }
  symlinkSync(join(process.cwd(), "node_modules"), join(copy, "node_modules"));
  return copy;
}

function isNoticed(copy: string, tests: readonly string[]): boolean {
  const args = ["run", "--project", "unit", "--bail", "1", "--testTimeout", "5000", "--retry", "0", ...tests];
  const { status } = spawnSync("vitest", args, { cwd: copy, stdio: "ignore", timeout: 60_000 });
  return status !== 0;
}

function main(): void {
  const files = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(COVERED);
  const copy = copyOfTree();
  try {
    for (const file of files) {
      const tests = COVERED[file] ?? [];
      const source = readFileSync(file, "utf8");
      if (tests.length === 0 || isNoticed(copy, tests)) throw new Error(`The tests of ${file} fail before any change.`);
      const mutants = mutantsOf(source);
      const survivors = mutants.filter((mutant) => {
        writeFileSync(join(copy, file), mutant.source);
        return !isNoticed(copy, tests);
      });
      writeFileSync(join(copy, file), source);
      const killed = mutants.length - survivors.length;
      const score = ((100 * killed) / mutants.length).toFixed(1);
      process.stdout.write(`${file}: ${killed} of ${mutants.length} noticed (${score} %)\n`);
      for (const { line, text } of survivors) process.stdout.write(`  ${line}: ${text.trim() || "(left out)"}\n`);
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

main();
