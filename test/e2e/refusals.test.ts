import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rawZip } from "../fixtures/archives/raw-zip.ts";
import { directoryManifest, s3Manifest } from "./manifests.ts";
import { startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

const GOOD = directoryManifest({ command: "true" });
const S3 = {
  endpoint: "https://s3.example.org",
  accessKeyId: "AKEXAMPLE",
  secretAccessKey: "top-secret-value",
  framework: "shell",
  version: "any",
  command: "true",
};

let service: Service;

beforeAll(async () => {
  service = await startService();
  await writeZip(join(service.work, "model.zip"), { "train.sh": "echo hello\n" });
  await writeFile(join(service.work, "job.yaml"), GOOD);
});
afterAll(async () => service[Symbol.asyncDispose]());

/** What both command lines say, and that nothing was created. */
async function refuse(
  zip: string,
  manifest: string,
): Promise<{ native: string; code: number | null; compatible: string }> {
  const native = await service.trainyard(["submit", zip, manifest]);
  const compatible = await service.bx(["ml", "train", zip, manifest]);
  expect([native.stdout, compatible.code]).toEqual(["", 1]);
  expect(compatible.stderr).toMatch(/^FAILED\n\S/m);
  for (const text of [native.stderr, compatible.stderr]) {
    expect(text).not.toMatch(/\n\s+at |node:internal|\.ts:\d/);
    expect(text).not.toContain("top-secret-value");
  }
  expect((await service.trainyard(["list", "-o", "json"])).stdout).toBe("[]\n");
  for (const folder of ["runs", "definitions", "tmp"]) {
    // The look for environments goes on beside, and has a folder of its own there.
    const names = (await readdir(join(service.home, folder))).filter((name) => !name.startsWith("trainyard-probe-"));
    expect(names).toEqual([]);
  }
  return { native: native.stderr, code: native.code, compatible: compatible.stderr };
}

describe("nothing is created, and one sentence says why, when the ZIP", () => {
  test("is not there", async () => {
    const { native, code } = await refuse("absent.zip", "job.yaml");
    expect([code, native]).toEqual([2, expect.stringContaining("absent.zip")]);
  });

  test.each([
    ["is not a ZIP", "words.zip", Buffer.from("only words\n"), "words.zip"],
    ["is a gzip", "model.tar.gz", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), "gzip"],
    ["is empty", "empty.zip", rawZip({ entries: [] }), "no files"],
    [
      "leaves its folder",
      "slip.zip",
      rawZip({ entries: [{ name: "../../etc/cron.d/x", content: "x" }] }),
      "../../etc/cron.d/x",
    ],
    [
      "holds a link",
      "link.zip",
      rawZip({ entries: [{ name: "passwd", content: "/etc/passwd", mode: 0o120777 }] }),
      "passwd",
    ],
  ])("%s", async (_what, name, bytes, said) => {
    await writeFile(join(service.work, name), bytes);
    const { native, code, compatible } = await refuse(name, "job.yaml");
    expect(code).toBe(2);
    expect(native).toContain(said);
    expect(compatible).toContain(said);
  });
});

describe("nothing is created, and each place is named, when the manifest", () => {
  test.each([
    ["is not there", "absent.yaml", null, ["absent.yaml"]],
    ["is not YAML", "broken.yaml", "model_definition: [unclosed\n", ["broken.yaml:"]],
    ["has wrong types", "types.yaml", GOOD.replace("name: shell", "name: [shell]"), ["types.yaml:3", "name"]],
    [
      "has unknown keys",
      "keys.yaml",
      GOOD.replace("execution:", "exekution:"),
      ["keys.yaml:6", "exekution", "execution"],
    ],
    [
      "has placeholders for credentials",
      "placeholders.yaml",
      s3Manifest({ ...S3, accessKeyId: "<username>", secretAccessKey: "<password>" }),
      ["placeholders.yaml:16:24", "aws_access_key_id", "placeholders.yaml:17", "placeholders.yaml:24"],
    ],
    [
      "lacks credentials",
      "missing.yaml",
      s3Manifest(S3).replaceAll(/ +aws_secret_access_key.*\n/g, ""),
      ["missing.yaml", "aws_secret_access_key"],
    ],
    [
      "asks for a framework that is not here",
      "framework.yaml",
      GOOD.replace("name: shell\n    version: any", "name: caffe\n    version: 1.0-py2"),
      ["caffe", "1.0-py2"],
    ],
    ["asks for more than the machine has", "large.yaml", GOOD.replace("small", "v100x2\n  nodes: 2"), ["large.yaml"]],
    [
      "names a metadata address as its endpoint",
      "metadata.yaml",
      s3Manifest({ ...S3, endpoint: "http://169.254.169.254" }),
      ["169.254.169.254"],
    ],
  ])("%s", async (_what, name, text, said) => {
    if (text !== null) await writeFile(join(service.work, name), text);
    const { native, code } = await refuse("model.zip", name);
    expect([2, 4]).toContain(code);
    for (const part of said) expect(native).toContain(part);
  });
});

describe("a program that cannot do its work fails with a cause", () => {
  test.each([
    ["the command is not found", "no-such-program --now", "command_not_found", 127],
    ["the program exits with 1", "echo oh no; exit 1", "program_exit", 1],
    ["the program is killed by a signal", "kill -SEGV $$", "program_signal", 139],
  ])("%s", async (_what, command, cause, exitCode) => {
    await writeFile(join(service.work, "fails.yaml"), directoryManifest({ command }));
    const submitted = await service.trainyard(["submit", "model.zip", "fails.yaml", "--wait", "-o", "json"]);
    expect(submitted.code).toBe(100);
    expect(JSON.parse(submitted.stdout)).toMatchObject({ state: "failed", failure: { cause, exitCode, signal: null } });
  });
});

describe("a client is told what to do when", () => {
  test("the server cannot be reached", async () => {
    const env = {
      TRAINYARD_HOME: join(service.work, "nowhere"),
      TRAINYARD_URL: "http://127.0.0.1:9",
      TRAINYARD_TOKEN: "x",
    };
    const { code, stderr } = await service.trainyard(["list", "--url", "http://127.0.0.1:9"], { env });
    expect([code, stderr]).toEqual([6, expect.stringContaining("http://127.0.0.1:9")]);
  });

  test("the token is wrong", async () => {
    await writeFile(join(service.work, "token"), "tyd_wrong\n");
    const { code, stderr } = await service.trainyard(["list", "--url", await service.url(), "--token-file", "token"]);
    expect(code).toBe(4);
    expect(stderr).toContain("token");
    expect(stderr).not.toContain("tyd_wrong");
  });

  test("an id is unknown, or the beginning of several", async () => {
    expect((await service.trainyard(["show", "training-000000000"])).code).toBe(3);
    expect((await service.bx(["ml", "show", "trained-models", "training-000000000"])).code).toBe(1);
    for (let i = 0; i < 2; i += 1) await service.trainyard(["submit", "model.zip", "job.yaml", "--wait"]);
    const ids = (await service.trainyard(["list", "-o", "name"])).stdout.trim().split("\n");
    const { code, stderr } = await service.trainyard(["show", "training-"]);
    expect(code).toBe(5);
    expect(stderr).toContain(ids[0]);
  });
});
