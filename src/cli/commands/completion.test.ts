import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";
import { COMPLETION_SCRIPTS } from "../completion/scripts.ts";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  for (const id of ["training-abcdefgh2", "training-xyz123451"]) bench.server.runs.push(scriptedRun({ id }));
  return bench;
}

async function complete(bench: CliBench, ...words: string[]): Promise<string[]> {
  const { out, err, code } = await bench.trainyard("completion", "bash", "--", ...words);
  expect({ err, code }).toEqual({ err: "", code: 0 });
  return out.split("\n").slice(0, -1);
}

test.each([
  [["sho"], ["show"]],
  [["--home", "x", "sub"], ["submit"]],
  [["list", "--st"], ["--state"]],
  [["list", "--ho"], ["--home"]],
  [
    ["list", "-o", ""],
    ["table", "json", "yaml", "name"],
  ],
  [["show", "-o", "j"], ["json"]],
  [
    ["show", ""],
    ["training-abcdefgh2", "training-xyz123451"],
  ],
  [["show", "training-x"], ["training-xyz123451"]],
  [["show", "-o", "json", "x"], ["xyz123451"]],
  [["delete", "training-xyz123451", "training-a"], ["training-abcdefgh2"]],
  [["show", "training-xyz123451", ""], []],
  [["completion", "z"], ["zsh"]],
  [["submit", "model"], []],
  [["list", "--name", ""], []],
  [["nothing", ""], []],
])("behind %j may follow %j", async (words, candidates) => {
  await using bench = await setUp();
  expect(await complete(bench, ...words)).toEqual(candidates);
});

test("an empty word gets every command", async () => {
  await using bench = await setUp();
  const { out } = await bench.trainyard("--help");
  for (const name of await complete(bench, "")) expect(out).toContain(`\n  ${name} `);
});

test("ids come from the server that the words name, and without one there are none", async () => {
  await using bench = await setUp();
  bench.env["TRAINYARD_HOME"] = undefined;
  expect(await complete(bench, "show", "training-")).toEqual([]);
  expect(await complete(bench, "--home", "home", "show", "training-x")).toEqual(["training-xyz123451"]);
});

test("the script of bash does it in bash", async () => {
  await using bench = await setUp();
  const program = new URL("../../../bin/trainyard", import.meta.url).pathname;
  const script = `trainyard() { "${program}" "$@"; }
${await bench.trainyard("completion", "bash").then(({ out }) => out)}
COMP_WORDS=(trainyard show "training-x") COMP_CWORD=2; _trainyard; echo "\${COMPREPLY[@]}"
COMP_WORDS=(trainyard "") COMP_CWORD=1; _trainyard; echo "\${#COMPREPLY[@]}"`;
  const env = { PATH: process.env["PATH"], TRAINYARD_URL: bench.server.url, TRAINYARD_TOKEN: bench.server.token };
  const child = spawn("bash", ["--norc", "-c", script], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [printed] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(printed).toMatch(/^training-xyz123451\n\d\d\n$/);
});

test("each shell has a script that asks for its candidates", async () => {
  await using bench = await setUp();
  for (const [shell, script] of Object.entries(COMPLETION_SCRIPTS)) {
    expect(await bench.trainyard("completion", shell)).toEqual({ code: 0, out: script, err: "" });
    expect(script).toContain(`trainyard completion ${shell} -- `);
  }
  expect((await bench.trainyard("completion", "csh")).code).toBe(2);
});

test("undelete completes ids of deleted runs, and every other command those of the others", async () => {
  await using bench = await CliBench.start();
  const deletedAt = "2026-11-26T02:00:00.000Z";
  bench.server.runs.push(
    scriptedRun({ id: "training-aaaaaaaa1" }),
    scriptedRun({ id: "training-aaaaaaaa2", deletedAt, undoUntil: deletedAt }),
  );
  const complete = async (command: string) => (await bench.trainyard("completion", "bash", "--", command, "aa")).out;
  expect(await complete("undelete")).toBe("aaaaaaaa2\n");
  expect(await complete("delete")).toBe("aaaaaaaa1\n");
});
