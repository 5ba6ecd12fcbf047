import { expect, test } from "vitest";
import type { EnvironmentView } from "../../contract/environment.ts";
import { CliBench } from "../cli-bench.ts";

const BUILT: EnvironmentView = {
  id: "714d8f6759541e0a",
  framework: "tensorflow",
  version: "2.21.0",
  label: "TensorFlow 2.21.0 on Python 3.11.7 (built environment 714d8f6759541e0a)",
  origin: "built",
  inUse: false,
  sizeBytes: 1_501_592_678,
  builtAt: "2017-10-26T11:16:51.123Z",
  lastUsedAt: "2017-10-26T11:16:51.123Z",
  requirements: ["tensorflow-cpu==2.*"],
};

const SHELL: EnvironmentView = {
  ...BUILT,
  id: null,
  framework: "shell",
  version: "any",
  label: "Shell with the system's PATH",
  origin: "built_in",
  sizeBytes: null,
  builtAt: null,
  lastUsedAt: null,
  requirements: [],
};

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.environments.push({ ...BUILT }, SHELL);
  return bench;
}

test("environments list shows what is here, and says what can be built", async () => {
  await using bench = await setUp();
  bench.server.environments.push({ ...BUILT, id: "0000000000000000", inUse: true });
  const { code, out, err } = await bench.trainyard("environments", "list");
  expect(code).toBe(0);
  const lines = out.split("\n").map((line) => line.split(/ {3,}/));
  expect(lines).toEqual([
    ["FRAMEWORK", "VERSION", "FROM", "ID", "SIZE", "USED", "WHAT"],
    ["tensorflow", "2.21.0", "built", BUILT.id, "1.5 GB", expect.stringMatching(/^\d+ (min|h|d)$/), BUILT.label],
    ["shell", "any", "built in", "Shell with the system's PATH"],
    ["tensorflow", "2.21.0", "built", "0000000000000000", "1.5 GB", "now", BUILT.label],
    [""],
  ]);
  expect(err).toBe("Built on first use: tensorflow.\n");
});

test("no environments are a sentence, not a header above nothing", async () => {
  await using bench = await CliBench.start();
  const { out, err } = await bench.trainyard("environments", "list");
  expect(out).toBe("");
  expect(err).toMatch(/^No environments\.\n/);
});

test("environments list -o name gives the ids that can be removed, -o json all that the server says", async () => {
  await using bench = await setUp();
  expect((await bench.trainyard("environments", "list", "-o", "name")).out).toBe(`${BUILT.id}\n`);
  const { out } = await bench.trainyard("environments", "list", "-o", "json");
  expect(JSON.parse(out)).toMatchObject({ environments: [BUILT, SHELL], installer: expect.any(String) });
});

test("environments build asks again until the build is done", async () => {
  await using bench = await setUp();
  bench.server.buildRounds = 2;
  const { code, out } = await bench.trainyard("environments", "build", "tensorflow", "2", "-o", "name");
  expect([code, out]).toEqual([0, `${BUILT.id}\n`]);
  expect(bench.server.requests.filter((line) => line.startsWith("POST /api/v1/environments"))).toHaveLength(3);
});

test("environments remove takes an id and tells what has no such id", async () => {
  await using bench = await setUp();
  expect(await bench.trainyard("environments", "remove", BUILT.id ?? "")).toMatchObject({
    code: 0,
    err: `Removed environment ${BUILT.id}. A run that needs it builds it again.\n`,
  });
  expect(bench.server.environments).toEqual([SHELL]);
  expect(await bench.trainyard("environments", "remove", "nothing")).toMatchObject({ code: 3 });
});

test.each([
  [["build"], "A build needs a framework and a version."],
  [["build", "tensorflow"], "A build needs a framework and a version."],
  [["build", "tensorflow", ""], "A build needs a framework and a version."],
  [["remove"], "Which environment shall I remove?"],
  [["remove", ""], "Which environment shall I remove?"],
])("environments %j says what is missing", async (args, message) => {
  await using bench = await setUp();
  expect(await bench.trainyard("environments", ...args)).toMatchObject({
    code: 2,
    err: expect.stringContaining(message),
  });
  expect(bench.server.requests).toEqual([]);
});
