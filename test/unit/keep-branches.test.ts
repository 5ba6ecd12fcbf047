import { readFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import type { decideRetention } from "../../src/control/removal/retention-decision.ts";
import { NOW, RETENTION_CASES } from "../fixtures/retention-cases.ts";

/** Each reason to keep a run is turned round in the source; some case of the table must notice. */
const SOURCE = new URL("../../src/control/removal/retention-decision.ts", import.meta.url);

type Decide = typeof decideRetention;

const FLIPS: readonly (readonly [from: string, to: string])[] = [
  ["!isTerminal(run.state) || run.endedAt === null", "run.endedAt === null"],
  ["!isTerminal(run.state) || run.endedAt === null", "!isTerminal(run.state)"],
  ["!isTerminal(run.state) || run.endedAt === null", "isTerminal(run.state) || run.endedAt === null"],
  ["!isTerminal(run.state) || run.endedAt === null", "!isTerminal(run.state) && run.endedAt === null"],
  ['keep("not_ended", null)', '{ verdict: "forget", reason: "retention_over" }'],
  ["run.deletedAt !== null", "run.deletedAt === null"],
  ["run.deletedAt !== null", "false"],
  ["return now < until ?", "return now <= until ?"],
  ["return now < until ?", "return now > until ?"],
  ["return now < until ?", "return false ?"],
  ["after(run.deletedAt, rules.undoMs);\n    return", "after(run.deletedAt, 0);\n    return"],
  ['reason: "deleted" }', 'reason: "retention_over" }'],
  ["rules.days === null", "rules.days !== null"],
  ["rules.days === null", "false"],
  ['keep("kept_for_ever", null)', '{ verdict: "forget", reason: "retention_over" }'],
  ["if (now < until)", "if (now <= until)"],
  ["if (now < until)", "if (now > until)"],
  ["if (now < until)", "if (false)"],
  ["rules.days * DAY_MS", "rules.days + DAY_MS"],
  ["return holdsOnlyCopy ?", "return !holdsOnlyCopy ?"],
  ["return holdsOnlyCopy ?", "return false ?"],
  ["return holdsOnlyCopy ?", "return true ?"],
];

async function decideIn(change: (source: string) => string): Promise<Decide> {
  const source = change(await readFile(SOURCE, "utf8"));
  const alone = stripTypeScriptTypes(source).replaceAll(/from "(\..+?)"/g, (_, path: string) => {
    return `from ${JSON.stringify(new URL(path, SOURCE).href)}`;
  });
  const url = `data:text/javascript,${encodeURIComponent(alone)}`;
  return ((await import(/* @vite-ignore */ url)) as { decideRetention: Decide }).decideRetention;
}

function fits(decide: Decide): boolean {
  return RETENTION_CASES.every(({ run, rules, holdsOnlyCopy, expected }) => {
    try {
      return isDeepStrictEqual(decide(run, rules, NOW, holdsOnlyCopy), expected);
    } catch {
      return false;
    }
  });
}

test("the decision as it stands fits every case", async () => {
  expect(fits(await decideIn((source) => source))).toBe(true);
});

test.each(FLIPS)("a decision with %j as %j is noticed", async (from, to) => {
  const mutant = await decideIn((source) => {
    expect(source.split(from)).toHaveLength(2);
    return source.replace(from, () => to);
  });
  expect(fits(mutant)).toBe(false);
});
