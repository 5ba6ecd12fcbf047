import { open } from "node:fs/promises";
import { expect, test } from "vitest";
import { openSandbox } from "../../test/fixtures/archives/sandbox.ts";
import { ReadWindow } from "./read-window.ts";

const BYTES = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));

test("ranges come as they are in the file, near and far, forwards and backwards, small and large", async () => {
  await using sandbox = await openSandbox();
  await using handle = await open(await sandbox.write(BYTES));
  const window = new ReadWindow(handle, BYTES.length);
  const ranges: [number, number][] = [
    [999_000, 1000],
    [0, 30],
    [30, 5000],
    [262_100, 100],
    [700_000, 4097],
    [699_999, 2],
    [100, 900_000],
    [1_000_000, 0],
    [5, 0],
  ];
  for (const [start, length] of ranges) {
    expect((await window.view(start, length)).equals(BYTES.subarray(start, start + length))).toBe(true);
  }
});

test("a range behind the end is refused, however far", async () => {
  await using sandbox = await openSandbox();
  await using handle = await open(await sandbox.write(BYTES));
  const window = new ReadWindow(handle, BYTES.length);
  for (const position of [999_999, 1_000_001, 2 ** 40, 2 ** 64]) {
    await expect(window.view(position, 2)).rejects.toThrow("points behind its own end");
  }
});

test("after a read that failed nothing half-read is shown", async () => {
  await using sandbox = await openSandbox();
  await using handle = await open(await sandbox.write(BYTES));
  const window = new ReadWindow(handle, BYTES.length);
  await window.view(0, 30);
  await handle.close();
  await expect(window.view(300_000, 30)).rejects.toThrow();
  expect(window.peek(0, 30)).toBeUndefined();
  expect(window.peek(300_000, 30)).toBeUndefined();
});
