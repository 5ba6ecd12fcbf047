import { expect, test } from "vitest";
import { CliBench } from "../cli-bench.ts";
import type { DoctorCheck } from "../machine.ts";

const PYTHON = { name: "python", status: "ok", found: "Python 3.11.2", remedy: null } as const;
const TORCH = { name: "pytorch", status: "missing", found: "not installed", remedy: "pip install torch" } as const;
const DISK = { name: "disk", status: "broken", found: "0 B free", remedy: "Free space under the home." } as const;

async function doctor(checks: readonly DoctorCheck[], ...args: string[]) {
  await using bench = await CliBench.start();
  bench.machine.doctor = async () => ({ checks });
  return await bench.trainyard("doctor", ...args);
}

test("doctor lists what it found and how to mend what is missing", async () => {
  expect(await doctor([PYTHON, TORCH])).toEqual({
    code: 0,
    out: "CHECK     STATUS    FOUND\npython    ok        Python 3.11.2\npytorch   missing   not installed\n",
    err: "pytorch: pip install torch\n",
  });
});

test("doctor ends with 1 when something is broken", async () => {
  expect((await doctor([PYTHON, DISK])).code).toBe(1);
});

test("doctor tells a remedy of several lines line by line", async () => {
  const { err } = await doctor([{ ...DISK, remedy: "Free space.\nOr give another folder." }]);
  expect(err).toBe("disk: Free space.\ndisk: Or give another folder.\n");
});

test("doctor -o json gives the whole report", async () => {
  const { out, err } = await doctor([PYTHON, TORCH], "-o", "json");
  expect(JSON.parse(out)).toEqual({ checks: [PYTHON, TORCH] });
  expect(err).toBe("");
});
