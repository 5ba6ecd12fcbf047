import { expect, it } from "vitest";
import { SharedWork } from "./shared-work.ts";

function makeWork() {
  const rounds: { finish: (value: string) => void; fail: (error: Error) => void; signal: AbortSignal }[] = [];
  const work = new SharedWork<string>((signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    rounds.push({ finish: resolve, fail: reject, signal });
    return promise;
  });
  return { work, rounds };
}

const never = new AbortController().signal;

it("who asks while it is going on waits for the same round", async () => {
  const { work, rounds } = makeWork();
  const both = Promise.all([work.join(never), work.join(never)]);
  rounds[0]?.finish("done");
  expect(await both).toEqual(["done", "done"]);
  expect(rounds).toHaveLength(1);
});

it("who asks after the end begins a new round", async () => {
  const { work, rounds } = makeWork();
  const first = work.join(never);
  rounds[0]?.finish("first");
  await first;
  const second = work.join(never);
  rounds[1]?.finish("second");
  expect(await second).toBe("second");
});

it("a caller may leave while the others wait on", async () => {
  const { work, rounds } = makeWork();
  const leaving = new AbortController();
  const stays = work.join(never);
  const leaves = work.join(leaving.signal);
  leaving.abort(new Error("gone"));
  await expect(leaves).rejects.toThrow("gone");
  expect(rounds[0]?.signal.aborted).toBe(false);
  rounds[0]?.finish("done");
  expect(await stays).toBe("done");
});

it("the work is aborted once all have left, and the next caller begins anew", async () => {
  const { work, rounds } = makeWork();
  const leaving = new AbortController();
  const leaves = work.join(leaving.signal);
  leaving.abort(new Error("gone"));
  await expect(leaves).rejects.toThrow("gone");
  expect(rounds[0]?.signal.aborted).toBe(true);
  const next = work.join(never);
  rounds[1]?.finish("done");
  expect(await next).toBe("done");
});

it("a failure reaches everybody, and the next caller tries again", async () => {
  const { work, rounds } = makeWork();
  const both = Promise.allSettled([work.join(never), work.join(never)]);
  rounds[0]?.fail(new Error("broken"));
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const next = work.join(never);
  rounds[1]?.finish("done");
  expect(await next).toBe("done");
});

it("a caller whose signal is already aborted starts nothing", async () => {
  const { work, rounds } = makeWork();
  await expect(work.join(AbortSignal.abort(new Error("too late")))).rejects.toThrow("too late");
  expect(rounds).toHaveLength(0);
});
