import { expect, test } from "vitest";
import { readManifest } from "../../manifest/read-manifest.ts";
import { CliBench } from "../cli-bench.ts";

const S3 = "endpoint_url: https://s3.example.com, aws_access_key_id: id, aws_secret_access_key: '${SECRET}'";

const WML = `model_definition:
  name: digits
  author: Ann Other <ann@example.com>
  framework: {name: tensorflow, version: 1.5, runtimes: {name: python, version: 3.5}}
  execution: {command: python3 train.py, compute_configuration: {name: p100x2, nodes: 2}}
training_data_reference: {connection: {${S3}}, source: {bucket: in}, type: s3}
training_results_reference: {connection: {${S3}}, target: {bucket: out}, type: s3}
`;

const FFDL = `name: digits
version: "1.0"
gpus: 0
cpus: 0.5
memory: 1Gb
storage: 10GB
data_stores:
- type: mount_cos
  training_data: {container: in}
  training_results: {container: out}
  connection: {auth_url: https://s3.example.com, user_name: <your key>, password: pw}
framework: {name: pytorch, version: latest, command: python train.py}
`;

test("Watson ML's manifest becomes FfDL's, and what that cannot say is told line by line", async () => {
  await using bench = await CliBench.start();
  await bench.write("job.yaml", WML);
  const { out, err, code } = await bench.trainyard("convert", "job.yaml", "--to", "ffdl");
  expect(code).toBe(0);
  expect(out).toBe(`name: digits
learners: 2
gpus: 2
gpu_type: nvidia-TeslaP100
cpus: 16
memory: 48GB
data_stores:
  - type: s3_datastore
    training_data:
      container: in
    training_results:
      container: out
    connection:
      auth_url: https://s3.example.com
      user_name: id
      password: \${SECRET}
framework:
  name: tensorflow
  version: 1.5-py3
  command: python3 train.py
`);
  expect(err.trimEnd().split("\n")).toEqual([
    "author: FfDL has no 'author'; left out.",
    "cpus: FfDL takes a number of CPUs; the 16 of Watson ML's size are added.",
    "memoryBytes: FfDL takes an amount of memory; the 48GB of Watson ML's size are added.",
    "framework.python: FfDL has no 'runtimes'; the version says -py3 instead of Python 3.5.",
    "framework.version: The version is '1.5-py3', as FfDL writes it.",
  ]);
});

test("FfDL's manifest becomes Watson ML's, with its placeholders", async () => {
  await using bench = await CliBench.start();
  await bench.write("manifest.yml", FFDL);
  const { out, err, code } = await bench.trainyard("convert", "manifest.yml", "--to", "wml");
  expect(code).toBe(0);
  expect(out).toContain("aws_access_key_id: <your key>\n");
  expect(readManifest(out, "out", { forConversion: true }).problems).toEqual([]);
  expect(err.trimEnd().split("\n")).toEqual([
    "warning: manifest.yml:2:1: 'version' has no effect: runs have no version of the model. Remove it, or leave it.",
    "warning: manifest.yml:6:1: 'storage' has no effect: a run has the disk of the machine that it runs on. Remove it, or leave it.",
    "cpus: Watson ML takes no number of CPUs; 0.5 is left out.",
    "memoryBytes: Watson ML takes no amount of memory; 1GB is left out.",
    "deviceType: Watson ML has no size for 1 x 'cpu'; the type is left out.",
  ]);
});

test("Trainyard's own dialect loses nothing, and says so", async () => {
  await using bench = await CliBench.start();
  await bench.write("manifest.yml", FFDL.replace('version: "1.0"\n', "").replace("storage: 10GB\n", ""));
  const { out, err } = await bench.trainyard("convert", "manifest.yml", "--to", "trainyard");
  expect(err).toBe("Everything that Trainyard understands of the manifest is in the printed one.\n");
  expect(readManifest(out, "out", { forConversion: true }).spec).toMatchObject({
    cpus: 0.5,
    memoryBytes: 1e9,
    deviceType: "cpu",
  });
});

test("a profile is written out, but its secret is not", async () => {
  await using bench = await CliBench.start();
  bench.stdin = "hunter2";
  await bench.write("job.yaml", WML.replaceAll(`{${S3}}`, "{profile: minio}"));
  expect((await bench.trainyard("convert", "job.yaml", "--to", "ffdl")).err).toContain("profile that is not kept here");
  await bench.trainyard("credentials", "add", "minio", "--endpoint", "http://minio.local", "--user", "key-id");
  const { out, err, code } = await bench.trainyard("convert", "job.yaml", "--to", "ffdl");
  expect(code).toBe(0);
  expect(out).toContain(
    "auth_url: http://minio.local\n      user_name: key-id\n      password: <the profile's secret>\n",
  );
  expect(out + err).not.toContain("hunter2");
  expect(readManifest(out, "out").problems).toMatchObject([{ code: "credential_not_filled_in" }]);
});

test.each([
  [["job.yaml"], "error: required option '--to <dialect>' not specified"],
  [["job.yaml", "--to", "helm"], "Allowed choices are wml, ffdl, trainyard."],
  [["gone.yaml", "--to", "wml"], "error: There is no file 'gone.yaml'"],
  [[".", "--to", "wml"], "error: '.' is a folder"],
  [["bad.yaml", "--to", "wml"], "\n  bad.yaml:2:3: 'model_definition' has no field 'nam'. Did you mean 'name'?\n"],
])("%j ends with 2 and a sentence, and prints nothing", async (args, sentence) => {
  await using bench = await CliBench.start();
  await bench.write("job.yaml", WML);
  await bench.write("bad.yaml", WML.replace("name: digits", "nam: digits"));
  const { out, err, code } = await bench.trainyard("convert", ...args);
  expect({ out, code }).toEqual({ out: "", code: 2 });
  expect(err).toContain(sentence);
});
