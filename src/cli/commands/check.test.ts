import { expect, test } from "vitest";
import type { CheckReport } from "../../contract/manifest-check.ts";
import { CliBench } from "../cli-bench.ts";
import { MANIFEST, modelZip } from "../submission-samples.ts";

const S3_CONNECTION = `- connection:
    endpoint_url: https://s3.example.com
    aws_access_key_id: AKIA
    aws_secret_access_key: SECRET
`;

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  await bench.write("model.zip", await modelZip());
  await bench.write("job.yaml", MANIFEST);
  return bench;
}

async function checkJson(bench: CliBench, ...args: string[]): Promise<CheckReport & { code: number }> {
  const { out, code } = await bench.trainyard("check", ...args, "-o", "json");
  return { ...(JSON.parse(out) as CheckReport), code };
}

test("check shows what a submission would do, without a server", async () => {
  await using bench = await setUp();
  const { out, err, code } = await bench.trainyard("check", "model.zip", "job.yaml");
  expect(code).toBe(0);
  expect(out).toContain("Framework     tensorflow 1.2-py3\n");
  expect(out).toContain("Environment   PyTorch 1.13.1 on Python 3.11.2 (/usr/bin/python3)\n");
  expect(out).toContain("Files         1, 9 B unpacked\n  convolutional_network.py (9 B)\n");
  expect(err).toBe("No problems.\n");
  expect(bench.server.requests).toEqual([]);
});

test("check -o json gives spec, problems and warnings, never a secret", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace("- source:", S3_CONNECTION + "  source:").replace("directory", "s3"));
  const { out, code } = await bench.trainyard("check", "job.yaml", "-o", "json");
  expect(out).not.toContain("SECRET");
  const report = JSON.parse(out) as CheckReport;
  expect(report.problems).toEqual([]);
  expect(report.spec).toMatchObject({ name: "tf-mnist", data: { connection: { type: "s3" } } });
  expect(code).toBe(0);
});

test("check -o json has one shape for programs, whatever it finds", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace("command:", "comand:"));
  await bench.write("model.zip", "PK nothing like a ZIP");
  const { out } = await bench.trainyard("check", "model.zip", "job.yaml", "-o", "json");
  const report = JSON.parse(out) as CheckReport;
  expect(Object.keys(report)).toEqual(["spec", "problems", "warnings"]);
  const shapes = report.problems.map((problem) => Object.keys(problem).toSorted().join());
  expect(new Set(shapes)).toEqual(new Set(["code,column,file,hint,line,message,path"]));
  expect(shapes).toHaveLength(3);
});

test.each([
  ["python3 train.py", "train.py"],
  ["python3 pkg/train.py", "pkg/train.py"],
])("the command %s decides whether the folder around everything is kept", async (command, path) => {
  await using bench = await setUp();
  await bench.write("model.zip", await modelZip({ "pkg/train.py": "print(1)\n" }));
  await bench.write("job.yaml", MANIFEST.replace("python3 convolutional_network.py", command));
  const { out } = await bench.trainyard("check", "model.zip", "job.yaml");
  expect(out).toContain(`unpacked\n  ${path} (9 B)\n`);
});

test.each([
  ["python3 train.py --epochs 3", "'train.py' is not in the ZIP, and the command runs it."],
  ["bash ./run.sh", "'run.sh' is not in the ZIP, and the command runs it."],
  ["node src/../main.js", "'main.js' is not in the ZIP, and the command runs it."],
  ["python3 ./convolutional_network.py", null],
  ["python3 -m train.py", null],
  ["python3 $HOME/train.py", null],
  ["python3 /opt/train.py", null],
  ["python3 ../train.py", null],
  ["python3 'train.py'", null],
  ["python3 train.py; true", null],
  ["python3 train", null],
  ["cd src && python3 train.py", null],
])("whether the program of the command %s is obviously not in the ZIP is warned of: %s", async (command, message) => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace("python3 convolutional_network.py", command));
  const { warnings, code } = await checkJson(bench, "model.zip", "job.yaml");
  const missing = warnings.filter((warning) => warning.code === "program_missing");
  expect({ missing: missing.map((warning) => warning.message), code }).toEqual({
    missing: message === null ? [] : [message],
    code: 0,
  });
});

test("a file of requirements that is not in the ZIP is a problem", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace(/^( *)framework:\n/m, "$1framework:\n$1  requirements: needs.txt\n"));
  const { problems, code } = await checkJson(bench, "model.zip", "job.yaml");
  expect([code, problems.map((problem) => problem.code)]).toEqual([2, ["requirements_missing"]]);
});

test("a program that is elsewhere in the ZIP is named", async () => {
  await using bench = await setUp();
  await bench.write("model.zip", await modelZip({ "src/train.py": "", "readme.txt": "" }));
  await bench.write("job.yaml", MANIFEST.replace("convolutional_network.py", "train.py"));
  const { err } = await bench.trainyard("check", "model.zip", "job.yaml");
  expect(err).toContain(
    "warning: model.zip: 'train.py' is not in the ZIP, and the command runs it. It has 'src/train.py': mend the command, or move it.\n",
  );
});

test("the requirements of the manifest decide about the environment too", async () => {
  await using bench = await setUp();
  bench.machine.resolveEnvironment = async ({ requirements }) => ({ found: true, label: `built with ${requirements}` });
  await bench.write("job.yaml", MANIFEST.replace("version: 1.2-py3", "version: 1.2-py3\n    requirements: more.txt"));
  const { out } = await bench.trainyard("check", "job.yaml");
  expect(out).toContain("built with more.txt\n");
});

test("an environment that is not here is a warning, not a problem", async () => {
  await using bench = await setUp();
  bench.machine.resolveEnvironment = async () => ({
    found: false,
    fact: "TensorFlow is not installed",
    hint: "Install it.",
  });
  const { warnings, problems, code } = await checkJson(bench, "job.yaml");
  expect({ problems, code }).toEqual({ problems: [], code: 0 });
  expect(warnings).toContainEqual({
    code: "environment_unavailable",
    message: "Framework tensorflow 1.2-py3 cannot run here: TensorFlow is not installed.",
    hint: "Install it.",
    file: "job.yaml",
    line: null,
    column: null,
    path: "model_definition.framework",
  });
});

test("problems of manifest and ZIP are told together, in either order of arguments", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace("command:", "comand:"));
  await bench.write("model.zip", "PK nothing like a ZIP");
  for (const files of [
    ["model.zip", "job.yaml"],
    ["job.yaml", "model.zip"],
  ]) {
    const { spec, problems, code } = await checkJson(bench, ...files);
    expect({ spec, code }).toEqual({ spec: null, code: 2 });
    expect(problems.map((problem) => [problem.file, problem.code])).toEqual([
      ["job.yaml", "field_missing"],
      ["job.yaml", "field_unknown"],
      ["model.zip", "archive_unreadable"],
    ]);
  }
});

test("problems are told to people with file, line and column", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", MANIFEST.replace("command:", "comand:"));
  const { out, err, code } = await bench.trainyard("check", "job.yaml");
  expect({ out, code }).toEqual({ out: "", code: 2 });
  expect(err).toContain(
    "error: job.yaml:7:5: 'model_definition.execution' has no field 'comand'. Did you mean 'command'?\n",
  );
  expect(err).toMatch(/2 problems\.\n$/);
});

test.each([
  ["as PowerShell writes it", "utf16le"],
  ["big end first", "utf16be"],
])("a manifest in UTF-16, %s, is read like any other, also behind the ZIP", async (_, order) => {
  await using bench = await setUp();
  const bytes = Buffer.from(`\uFEFF${MANIFEST}`, "utf16le");
  await bench.write("job.yaml", order === "utf16le" ? bytes : bytes.swap16());
  for (const files of [["job.yaml"], ["model.zip", "job.yaml"], ["job.yaml", "model.zip"]]) {
    expect(await checkJson(bench, ...files)).toMatchObject({ problems: [], code: 0 });
  }
});

test("a manifest that is not text is told as its problem", async () => {
  await using bench = await setUp();
  await bench.write("job.yaml", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]));
  const { problems, code } = await checkJson(bench, "model.zip", "job.yaml");
  expect(code).toBe(2);
  expect(problems[0]).toMatchObject({ code: "manifest_syntax", file: "job.yaml" });
});

test.each([
  [["missing.yaml"], "There is no file 'missing.yaml' (wanted as the manifest)."],
  [["model.zip", "missing.yaml"], "There is no file 'missing.yaml' (wanted as the manifest)."],
  [[""], "There is no file '' (wanted as the manifest)."],
  [["model.zip"], "'model.zip' is a model definition, and there is no manifest with it."],
  [["model.zip", "."], "'.' is a folder and cannot be the manifest."],
])("check %j is refused with a sentence", async (files, sentence) => {
  await using bench = await setUp();
  const { err, code } = await bench.trainyard("check", ...files);
  expect(code).toBe(2);
  expect(err.split("\n")[0]).toBe(`error: ${sentence}`);
});
