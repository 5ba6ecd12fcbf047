import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readManifest } from "../../manifest/read-manifest.ts";
import { SAMPLE_MANIFESTS } from "./bx-sample-manifests.ts";
import { golden, startBxBench } from "./test-golden.ts";

const NOUNS = Object.keys(SAMPLE_MANIFESTS);

test.each(NOUNS)("bx ml generate-manifest %s writes a sample into this folder, once", async (noun) => {
  await using bench = await startBxBench();
  const { out, err, code } = await bench.bx("ml", "generate-manifest", noun);
  expect({ out, err, code }).toEqual({ out: golden(`generate-manifest-${noun}`), err: "", code: 0 });
  expect(await readFile(join(bench.folder, `${noun}.yml`), "utf8")).toBe(SAMPLE_MANIFESTS[noun]);

  await bench.write(`${noun}.yml`, "mine");
  const again = await bench.bx("ml", "generate-manifest", noun);
  expect(again).toMatchObject({ code: 1, out: "" });
  expect(again.err).toMatch(`FAILED\nThere is a '${noun}.yml' here already, and it is left as it is.\n`);
  expect(await readFile(join(bench.folder, `${noun}.yml`), "utf8")).toBe("mine");
});

test("the sample of a training run lacks nothing but what is in angle brackets", () => {
  const sample = SAMPLE_MANIFESTS["training-runs"] ?? "";
  const { problems } = readManifest(sample, "training-runs.yml");
  expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["credential_not_filled_in"]));
  const filled = sample.replace(/<the store's[^>]*>/g, "https://s3.example.com").replace(/<[^>]*>/g, "something");
  const reading = readManifest(filled, "training-runs.yml");
  expect([reading.problems, reading.warnings]).toEqual([[], []]);
  expect(reading.spec).toMatchObject({ devices: 1, data: { bucket: "my-training-data" } });
});

test.each([
  ["training-definitions", "a training definition"],
  ["experiments", "an experiment"],
])("the sample of %s is known as one", (noun, is) => {
  const { problems } = readManifest(SAMPLE_MANIFESTS[noun] ?? "", `${noun}.yml`);
  expect(problems.map(({ message }) => message)).toEqual([`This is not the manifest of a training run: it is ${is}.`]);
});

test.each([
  [[], "'bx ml generate-manifest' needs to be told of what."],
  [["experiment"], "'experiment' is nothing that 'bx ml generate-manifest' knows (did you mean 'experiments'?)."],
])("bx ml generate-manifest %j is refused", async (words, sentence) => {
  await using bench = await startBxBench();
  const { err, code } = await bench.bx("ml", "generate-manifest", ...words);
  expect([code, err.split("\n")[1]]).toEqual([1, sentence]);
});
