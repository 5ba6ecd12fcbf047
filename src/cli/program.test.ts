import { expect, test } from "vitest";
import { CliBench } from "./cli-bench.ts";
import type { ServeOptions } from "./machine.ts";

test.each([
  [["lst"], "error: unknown command 'lst'\n(Did you mean list?)\n"],
  [["help", "lst"], "error: unknown command 'lst'\n(Did you mean list?)\n"],
  [["lst", "--help"], "error: unknown command 'lst'\n(Did you mean list?)\n"],
  [["list", "--stat", "x"], "error: unknown option '--stat'\n(Did you mean --state?)\n"],
  [
    ["list", "-o", "xml"],
    "error: 'xml' is no value for '-o, --output <format>'. Allowed choices are table, json, yaml, name.\n",
  ],
  [
    ["list", "--limit", "many"],
    "error: 'many' is no value for '--limit <count>'. It must be a whole number from 1 to 100000.\n",
  ],
  [["completion", "ksh"], "error: 'ksh' is no shell. Allowed choices are bash, zsh, fish.\n"],
  [["list", "--home", ""], "error: '' is no value for '--home <folder>'. It must not be empty.\n"],
  [["show"], "error: missing required argument 'id'\nusage: trainyard show [options] <id>\n"],
  [
    ["submit"],
    "error: missing required argument 'definition'\nusage: trainyard submit [options] <definition> <manifest>\n",
  ],
  [["show", "a", "b"], "error: too many arguments for 'show'"],
])("%j is refused with 2 and a suggestion", async (args, text) => {
  await using bench = await CliBench.start();
  const { out, err, code } = await bench.trainyard(...args);
  expect({ out, code }).toEqual({ out: "", code: 2 });
  expect(err).toContain(text);
  expect(err).toMatch(/\nhint: --help shows what can be written\.\n$/);
});

test("help is data: it goes to stdout and ends with 0", async () => {
  await using bench = await CliBench.start();
  for (const args of [[], ["--help"], ["help"], ["help", "help"]]) {
    const { out, err, code } = await bench.trainyard(...args);
    expect({ err, code }).toEqual({ err: "", code: 0 });
    expect(out).toMatch(/^Usage: trainyard \[options\] \[command\]/);
  }
  const { out } = await bench.trainyard("submit", "--help");
  expect(out).toContain("--idempotency-key <key>");
  expect(out).toContain("--home <folder>");
  expect((await bench.trainyard("help", "submit")).out).toBe(out);
});

test.each([
  ["serve", ["--home"]],
  ["check", ["--home"]],
  ["doctor", ["--home"]],
  ["login", ["--url", "--token-file"]],
  ["convert", []],
  ["list", ["--home", "--url", "--token-file"]],
])("the help of %s names the general options that it heeds: %j", async (command, flags) => {
  await using bench = await CliBench.start();
  const { out } = await bench.trainyard(command, "--help");
  const general = out.split("Global Options:\n")[1] ?? "";
  expect([...general.matchAll(/--[a-z-]+/g)].map(([flag]) => flag)).toEqual(flags);
  expect(general.includes("talk to")).toBe(command === "list" || command === "login");
});

test("--version prints the product's version", async () => {
  await using bench = await CliBench.start();
  expect((await bench.trainyard("--version")).out).toMatch(/^trainyard \d+\.\d+\.\d+\n$/);
});

test("serve hands over the home, absolute, and ends as the server does", async () => {
  await using bench = await CliBench.start();
  const served: ServeOptions[] = [];
  bench.machine.serve = async (options) => {
    served.push(options);
    return 7;
  };
  expect(
    (await bench.trainyard("serve", "--home", "other", "--listen", "127.0.0.1:0", "--config", "c.yaml")).code,
  ).toBe(7);
  await bench.trainyard("serve");
  bench.env["TRAINYARD_HOME"] = undefined;
  await bench.trainyard("serve");
  expect(served).toEqual([
    { home: `${bench.folder}/other`, listen: "127.0.0.1:0", config: `${bench.folder}/c.yaml` },
    { home: bench.home, listen: null, config: null },
    { home: `${bench.folder}/default-home`, listen: null, config: null },
  ]);
});

test("a mistake of our own is told without a stack", async () => {
  await using bench = await CliBench.start();
  bench.machine.doctor = async () => {
    throw new TypeError("x is not a function");
  };
  const { err, code } = await bench.trainyard("doctor");
  expect(code).toBe(1);
  expect(err).toBe(
    "error: Something went wrong that trainyard did not foresee: x is not a function\n" +
      "hint: If it happens again, please report it with the command that led to it.\n",
  );
});
