import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scriptedRun } from "../../client/scripted-run.ts";
import { readManifest } from "../../manifest/read-manifest.ts";
import { CliBench } from "../cli-bench.ts";
import { modelZip } from "../submission-samples.ts";

const SECRET = "p'ä\"ss: #w\\rd";

const ADD = ["credentials", "add", "minio", "--endpoint", "http://127.0.0.1:9000", "--user", "key-id"];

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.stdin = `${SECRET}\n`;
  bench.server.nextRun = scriptedRun({ id: "training-DOl4q2LkR", state: "pending", endedAt: null });
  await bench.write("model.zip", await modelZip());
  return bench;
}

/** A manifest whose data connection is this text. */
function manifestWith(connection: string, type = "type: s3"): string {
  return `model_definition:
  name: tf-mnist
  framework: {name: tensorflow, version: 1.2-py3}
  execution: {command: python3 convolutional_network.py}
training_data:
- connection: ${connection}
  source: {bucket: in${type === "" ? "" : `, ${type}`}}
training_results: {target: {bucket: out}}
`;
}

test("a profile is kept in a file that only its owner can read, and listed without its secret", async () => {
  await using bench = await setUp();
  const file = join(bench.folder, "config", "credentials.json");
  const added = await bench.trainyard(...ADD);
  expect({ out: added.out, code: added.code }).toEqual({ out: "", code: 0 });
  expect(added.err).toContain(`Added the profile minio; it is kept in ${file}.\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readFile(file, "utf8")).length).toBeGreaterThan(0);

  for (const format of ["table", "json", "yaml"]) {
    const { out, err } = await bench.trainyard("credentials", "list", "-o", format);
    expect(out).toContain("minio");
    expect(out).toContain("key-id");
    expect(out + err).not.toContain("w\\rd");
  }
  expect((await bench.trainyard("credentials", "list", "-o", "name")).out).toBe("minio\n");

  bench.stdin = "another";
  expect((await bench.trainyard(...ADD)).err).toContain("Replaced the profile minio");
  expect((await bench.trainyard("credentials", "remove", "minio")).code).toBe(0);
  expect((await bench.trainyard("credentials", "list")).err).toBe("No profiles.\n");
  expect(await readFile(file, "utf8")).not.toContain("another");
});

test.each([
  ["credentials", "add"],
  ["credentials", "add", "../x", "--endpoint", "a", "--user", "b"],
  ["credentials", "add", "x", "--endpoint", "a"],
  ["credentials", "add", "x", "--user", "a"],
  ["credentials", "add", "x", "--endpoint", "a", "--user", "b", "--domain", "c"],
  ["credentials", "add", "x", "--endpoint", "a", "--user", "b", "--type", "ftp"],
  ["credentials", "remove", "constructor"],
  ["credentials", "show"],
])("%s %s %s is refused with 2", async (...args) => {
  await using bench = await setUp();
  const { out, err, code } = await bench.trainyard(...args.filter((word) => word !== undefined));
  expect({ out, code }).toEqual({ out: "", code: 2 });
  expect(err).toMatch(/^error: /);
});

test("an empty secret makes no profile", async () => {
  await using bench = await setUp();
  bench.stdin = "\n";
  expect((await bench.trainyard(...ADD)).code).toBe(2);
  expect((await bench.trainyard("credentials", "list", "-o", "json")).out).toBe("[]\n");
});

test("submit sends a profile's keys in the place of its name, and everything else as it was", async () => {
  await using bench = await setUp();
  await bench.trainyard(...ADD);
  await bench.write("job.yaml", manifestWith("{profile: minio}", ""));
  const { code, err } = await bench.trainyard("submit", "model.zip", "job.yaml");
  expect([code, err]).toEqual([0, expect.not.stringContaining(SECRET)]);
  const sent = readManifest(bench.server.submissions[0]?.manifest ?? "", "sent");
  expect(sent.spec?.data?.connection).toMatchObject({ type: "s3", endpointUrl: "http://127.0.0.1:9000" });
  expect(sent.credentials?.data).toMatchObject({ accessKeyId: "key-id", secretAccessKey: SECRET });
});

test("submit fills in variables from its own environment", async () => {
  await using bench = await setUp();
  bench.env["MY_KEY"] = SECRET;
  const connection = "{endpoint_url: s3.example.com, access_key_id: id, secret_access_key: '${MY_KEY}'}";
  await bench.write("job.yaml", manifestWith(connection));
  expect((await bench.trainyard("submit", "-q", "model.zip", "job.yaml")).code).toBe(0);
  const sent = readManifest(bench.server.submissions[0]?.manifest ?? "", "sent");
  expect(sent.credentials?.data).toMatchObject({ secretAccessKey: SECRET });
});

test.each(["submit", "check"])(
  "%s tells variables and profiles that are not there with all other problems",
  async (command) => {
    await using bench = await setUp();
    const connection = "{endpoint_url: s3.example.com, access_key_id: '${GONE}', secret_access_key: x y}";
    const text = manifestWith(connection).replace("target: {", "connection: {profile: gone}, targt: {");
    await bench.write("job.yaml", text.replace("  name: tf-mnist", "  nam: tf-mnist"));
    const { err, code } = await bench.trainyard(command, "model.zip", "job.yaml");
    expect(code).toBe(2);
    expect(err.match(/job\.yaml:\d+:.*$/gm)?.map((line) => line.slice(0, 87))).toEqual([
      "job.yaml:1:1: 'model_definition' has no 'name'. Add 'name': any text by which you will ",
      "job.yaml:2:3: 'model_definition' has no field 'nam'. Did you mean 'name'?",
      "job.yaml:6:61: 'training_data[0].connection.access_key_id' asks for the variable 'GONE'",
      "job.yaml:8:42: 'training_results.connection.profile' names a credential profile that is",
      "job.yaml:8:1: 'training_results' has no 'target'. Add 'target': a map of bucket and typ",
      "job.yaml:8:49: 'training_results_reference' has no field 'targt'. Did you mean 'target'",
    ]);
    expect(bench.server.submissions).toEqual([]);
  },
);

test("a profiles' file that was damaged is told by its name", async () => {
  await using bench = await setUp();
  const file = await bench.write("config/credentials.json", "{");
  const { err, code } = await bench.trainyard("credentials", "list");
  expect([code, err]).toEqual([2, expect.stringContaining(`'${file}' cannot be read: it is not JSON.`)]);
});
