import { expect, test } from "vitest";
import { MANIFEST } from "../submission-samples.ts";
import { BX_COMMANDS } from "./bx-help.ts";
import { golden, startBxBench } from "./test-golden.ts";

test.each([
  [["ml"], "help-2018"],
  [[], "help-2018"],
  [["-h"], "help-2018"],
  [["help"], "help-2018"],
  [["ml", "help"], "help-2018"],
  [["ml", "-h"], "help-2018"],
  [["ml", "help", "training-runs"], "help-2018"],
  [["ml", "help", "trained-models"], "help-2017"],
])("bx %j prints the help of its generation", async (args, file) => {
  await using bench = await startBxBench();
  expect(await bench.bx(...args)).toEqual({ code: 0, out: golden(file), err: "" });
});

test.each(Object.keys(BX_COMMANDS))(
  "bx ml help %s says how it is written, and so does -h behind it",
  async (command) => {
    await using bench = await startBxBench();
    const help = await bench.bx("ml", "help", command);
    expect(help).toEqual({ code: 0, out: golden(`help-${command}`), err: "" });
    for (const word of ["-h", "--help"]) {
      expect((await bench.bx("ml", command, word)).out).toBe(command === "help" ? golden("help-2018") : help.out);
    }
    expect(bench.server.requests).toEqual([]);
  },
);

test("bx ml version has the client's lines, and the truth in them", async () => {
  await using bench = await startBxBench();
  const { out, code } = await bench.bx("ml", "version");
  expect(out).toMatch(
    /^Git Commit Hash: ([0-9a-f]{40}|not recorded)\nUTC Build Time : not recorded\nPlugin Version : \d+\.\d+\.\d+ \(Trainyard\)\n$/,
  );
  expect(code).toBe(0);
});

const SERVING = "Trainyard trains models and does not serve them";

test.each([
  [["ml", "shwo"], "'shwo' is not a command of 'bx ml' (did you mean 'show'?)."],
  [["ml", "help", "shwo"], "'shwo' is not a command of 'bx ml' (did you mean 'show'?)."],
  [["iam", "login"], "'bx iam' is not known here; only 'bx ml' is."],
  [["ml", "deploy", "x", "y"], `'bx ml deploy' is not answered here: ${SERVING}.`],
  [["ml", "score", "x.json"], `'bx ml score' is not answered here: ${SERVING}.`],
  [["ml", "list", "deployments"], `'bx ml list deployments' is not answered here: ${SERVING}.`],
  [
    ["ml", "list", "models"],
    `'bx ml list models' is not answered here: ${SERVING}, so it keeps no repository of models.`,
  ],
  [
    ["ml", "store", "experiments", "experiments.yml"],
    "'bx ml store experiments' is not answered here: an experiment of several runs comes with a later version of Trainyard.",
  ],
  [
    ["ml", "experiments", "run", "x"],
    "'bx ml experiments' is not answered here: an experiment of several runs comes with a later version of Trainyard.",
  ],
  [
    ["ml", "list", "trained-model"],
    "'trained-model' is nothing that 'bx ml list' knows (did you mean 'trained-models'?).",
  ],
  [["ml", "list"], "'bx ml list' needs to be told of what."],
  [["ml", "show", "frameworks"], "'frameworks' is nothing that 'bx ml show' knows."],
  [["ml", "list", "training-runs", "x"], "'bx ml list' was given too few words or too many."],
  [["ml", "show", "trained-models"], "'bx ml show' was given too few words or too many."],
  [["ml", "monitor", "training-runs", "x", "everything"], "'bx ml monitor' was given too few words or too many."],
  [["ml", "show", "trained-models", "training-xxxxxxxxx"], "No run has the id 'training-xxxxxxxxx'."],
  [["ml", "store", "training-runs", "training-xxxxxxxxx"], "No run has the id 'training-xxxxxxxxx'."],
  [["ml", "train", "missing.zip", "job.yaml"], "There is no file 'missing.zip' (wanted as the model definition)."],
])("bx %j fails with a sentence", async (args, sentence) => {
  await using bench = await startBxBench();
  await bench.write("job.yaml", MANIFEST);
  const { err, code } = await bench.bx(...args);
  expect(code).toBe(1);
  expect(err.split("\n").slice(0, 2)).toEqual(["FAILED", sentence]);
});
