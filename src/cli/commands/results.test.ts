import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
import { CliBench } from "../cli-bench.ts";

const ID = "training-DOl4q2LkR";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.server.runs.push(scriptedRun({ id: ID }));
  bench.server.results.set(ID, {
    bucket: { type: "s3", bucket: "mnist-training-models", location: "https://s3.example.com" },
    folder: ID,
    source: "bucket",
    objects: [
      { key: `${ID}/model/graph.pb`, sizeBytes: 12_345_678 },
      { key: `${ID}/training-log.txt`, sizeBytes: 99 },
    ],
    truncated: false,
  });
  return bench;
}

test("results lists objects and says where they are", async () => {
  await using bench = await setUp();
  const { out, err } = await bench.trainyard("results", ID);
  expect(out).toBe(`SIZE      KEY\n12.3 MB   ${ID}/model/graph.pb\n99 B      ${ID}/training-log.txt\n`);
  expect(err).toBe(`In folder '${ID}' of bucket 'mnist-training-models' at https://s3.example.com.\n`);
});

test("results -o name prints keys only", async () => {
  await using bench = await setUp();
  const { out, err } = await bench.trainyard("results", ID, "-o", "name");
  expect({ out, err }).toEqual({ out: `${ID}/model/graph.pb\n${ID}/training-log.txt\n`, err: "" });
});

test("results retry asks the server to store them again, with newer credentials where a manifest brings them", async () => {
  await using bench = await setUp();
  const { out, err } = await bench.trainyard("results", "retry", ID);
  expect({ out, err }).toEqual({
    out: `${ID}\n`,
    err: `The server stores the results of run ${ID} in the background.\n`,
  });
  await bench.write("new.yaml", "name: with new keys\n");
  await bench.trainyard("results", "retry", "@", "--credentials", "new.yaml", "-q");
  expect(bench.server.resultRetries).toEqual([{}, { manifest: "name: with new keys\n" }]);
});
