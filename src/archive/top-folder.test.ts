import { describe, expect, test } from "vitest";
import type { RawEntry } from "../../test/fixtures/archives/raw-zip.ts";
import { rawZip } from "../../test/fixtures/archives/raw-zip.ts";
import { openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { inspectArchive } from "./inspect-archive.ts";
import { commandNamesFolder } from "./top-folder.ts";

async function inspected(names: readonly string[], command?: string): Promise<[string | null, string[]]> {
  await using sandbox = await openSandbox();
  const entries: RawEntry[] = names.map((name) => (name.endsWith("/") ? { name } : { name, content: "x" }));
  const path = await sandbox.write(rawZip({ entries }));
  const inspection = await inspectArchive(path, command === undefined ? {} : { command });
  return [inspection.topFolder, inspection.files.map((file) => file.path)];
}

describe("one folder around everything", () => {
  test("is left out", async () => {
    expect(await inspected(["model/train.py", "model/lib/a.py"])).toEqual(["model", ["lib/a.py", "train.py"]]);
    expect(await inspected(["model/", "model/train.py", "__MACOSX/._model"])).toEqual(["model", ["train.py"]]);
  });

  test("is left out once, not again and again", async () => {
    expect(await inspected(["a/b/train.py"])).toEqual(["a", ["b/train.py"]]);
  });

  test("stays where another file or folder lies beside it", async () => {
    expect(await inspected(["model/train.py", "run.sh"])).toEqual([null, ["model/train.py", "run.sh"]]);
    expect(await inspected(["model/train.py", "lib/a.py"])).toEqual([null, ["lib/a.py", "model/train.py"]]);
    expect(await inspected(["model/train.py", "empty/"])).toEqual([null, ["model/train.py"]]);
  });

  test("stays where the command counts on it", async () => {
    expect(await inspected(["pkg/train.py"], "python -m pkg.train --lr 0.1")).toEqual([null, ["pkg/train.py"]]);
    expect(await inspected(["pkg/train.py"], "python train.py")).toEqual(["pkg", ["train.py"]]);
  });
});

describe("a command", () => {
  test.for([
    "python pkg/train.py",
    "python ./pkg/train.py",
    "python3 $MODEL_DIR/pkg/train.py",
    "python3 ${MODEL_DIR}/pkg/train.py",
    'bash -c "python pkg/train.py"',
    "./setup.sh; cd pkg && python train.py",
    "cd ./pkg/ && python train.py",
    "python -m pkg",
    "python -m pkg.train",
    "PYTHONPATH=pkg/lib python train.py",
  ])("counts on the folder pkg: %s", (command) => {
    expect(commandNamesFolder(command, "pkg")).toBe(true);
  });

  test.for([
    "python train.py",
    "python train.py --out pkg",
    "python pkg.py",
    "python train.py --data ${DATA_DIR}/pkg/x",
    "python other-pkg/train.py",
    "python -m pkgs.train",
    "cd .. && python train.py",
  ])("does not count on it: %s", (command) => {
    expect(commandNamesFolder(command, "pkg")).toBe(false);
  });
});
