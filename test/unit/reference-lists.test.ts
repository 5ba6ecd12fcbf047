import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { learnerTask } from "../../src/control/preparation/launcher.ts";
import { runDirectory } from "../../src/control/run/run-directory.ts";
import { CAUSES } from "../../src/domain/failure.ts";
import { advance } from "../../src/domain/run.ts";
import { RUN_STATES } from "../../src/domain/run-state.ts";
import { pendingRun } from "../fixtures/pending-run.ts";
import { SHELL } from "./control-bundle.ts";

const REFERENCE = join(import.meta.dirname, "../../docs/reference");

/** First cells in backticks of the tables in a page, with the cells behind them. */
function tableRows(page: string): Map<string, readonly string[]> {
  const rows = new Map<string, readonly string[]>();
  for (const line of readFileSync(join(REFERENCE, page), "utf8").split("\n")) {
    const match = /^\| `([^`]+)` +\|(.*)\|$/.exec(line);
    if (match !== null)
      rows.set(
        match[1] ?? "",
        (match[2] ?? "").split("|").map((cell) => cell.trim()),
      );
  }
  return rows;
}

test("the page of states lists every state and every cause with its turn and meaning", () => {
  const rows = tableRows("states.md");
  const causes = Object.entries(CAUSES).map(([cause, { turn, summary }]) => [cause, [turn, summary]] as const);
  for (const [cause, cells] of causes) expect([cause, rows.get(cause)]).toEqual([cause, cells]);
  expect([...rows.keys()].toSorted()).toEqual([...RUN_STATES, ...Object.keys(CAUSES)].toSorted());
});

test("the page of the program's environment lists exactly the variables that a learner gets", () => {
  const devices = ["cpu-0", "cpu-1"].map((id) => ({ id, kind: "cpu_slot", name: "CPU slot", uuid: null }) as const);
  const pending = pendingRun();
  const run = advance({ ...pending, spec: { ...pending.spec, learners: 2 } }, "downloading", new Date(1), {
    devices: ["cpu-0", "cpu-1"],
  });
  const launch = {
    run,
    directory: runDirectory("/home", run.id),
    environment: SHELL,
    path: "/bin",
    machine: { cores: 2, devices },
    rendezvous: { ports: [1, 2, 3] },
    startedAt: new Date(0),
    reporting: { url: "http://127.0.0.1:7878/api/v1/runs/x/metrics", token: "t" },
  };
  const task = learnerTask(launch, 2);
  expect([...tableRows("environment.md").keys()].toSorted()).toEqual(Object.keys(task.env).toSorted());
});

test("the page of errors lists every code with its kind", () => {
  const files = ["errors.ts", "archive-errors.ts", "environment-errors.ts", "results-errors.ts"];
  const domain = join(import.meta.dirname, "../../src/domain");
  const source = files.map((file) => readFileSync(join(domain, file), "utf8")).join("\n");
  const made = [...source.matchAll(/new ServiceError\(\s*"(\w+)",\s*"(\w+)"/g)].map(([, kind, code]) => [code, kind]);
  const listed = [...tableRows("errors.md")].map(([code, [kind]]) => [code, kind]);
  expect(new Map(listed as [string, string][])).toEqual(new Map(made as [string, string][]));
});
