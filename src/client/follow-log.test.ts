import fc from "fast-check";
import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { followLog, readLogToNow } from "./follow-log.ts";
import { scriptedRun } from "./scripted-run.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { waitForEnd } from "./wait-for-run.ts";

const ID = "training-DOl4q2LkR";
const IMPATIENT = { policy: { attempts: 3, firstDelayMs: 1, maxDelayMs: 1 } };

async function setUp() {
  const server = await ScriptedServer.start();
  server.runs.push(scriptedRun({ id: ID, state: "running", endedAt: null }));
  const client = createClient({ url: server.url, token: server.token });
  return { server, client, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

async function gather(parts: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of parts) chunks.push(bytes);
  return Buffer.concat(chunks).toString("latin1");
}

test("following ends with the log and has every byte of it once", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "one\n");
  const following = gather(followLog(bench.client, ID));
  bench.server.appendLog(ID, "two\nthr");
  bench.server.appendLog(ID, "ee", true);
  expect(await following).toBe("one\ntwo\nthree");
});

test("whatever connections break and however the log grows, its bytes arrive in order and once", async () => {
  const fault = fc.constantFrom("cut", "cut-body", undefined);
  const chunk = fc.uint8Array({ maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 6 }), fc.array(fault, { maxLength: 2 }), async (chunks, faults) => {
      await using bench = await setUp();
      bench.server.faults.push(...faults.filter((kind) => kind !== undefined));
      const following = gather(followLog(bench.client, ID, IMPATIENT));
      for (const bytes of chunks) {
        bench.server.appendLog(ID, bytes);
        await new Promise(setImmediate);
      }
      bench.server.appendLog(ID, "", true);
      expect(await following).toBe(Buffer.concat(chunks).toString("latin1"));
    }),
    { numRuns: 30 },
  );
});

test("a server that comes back is found again, and each pause is announced", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "before ");
  const troubles: number[] = [];
  const read: string[] = [];
  const options = {
    policy: { attempts: 5, firstDelayMs: 1, maxDelayMs: 1 },
    onRetry: ({ attempt }: { attempt: number }) => void troubles.push(attempt),
    sleep: async () => await bench.server.listen(),
  };
  for await (const bytes of followLog(bench.client, ID, options)) {
    read.push(Buffer.from(bytes).toString());
    if (read.length > 1) continue;
    await bench.server.close();
    bench.server.appendLog(ID, "after", true);
  }
  expect(read.join("")).toBe("before after");
  expect(troubles).toEqual([1]);
});

test("following gives up after its last try and says why", async () => {
  await using bench = await setUp();
  await bench.server.close();
  await expect(gather(followLog(bench.client, ID, IMPATIENT))).rejects.toThrow("nothing listens there");
});

test("a run that does not exist is not asked for again", async () => {
  await using bench = await setUp();
  await expect(gather(followLog(bench.client, "training-xxxxxxxxx", IMPATIENT))).rejects.toThrow("No run has the id");
  expect(bench.server.requests).toHaveLength(1);
});

test("reading to now does not wait for an unfinished log", async () => {
  await using bench = await setUp();
  bench.server.appendLog(ID, "so far");
  expect(await gather(readLogToNow(bench.client, ID, { offset: 3 }))).toBe("far");
});

test("waiting sees each change and ends with the run", async () => {
  await using bench = await setUp();
  const states: string[] = [];
  const ended = await waitForEnd(bench.client, ID, {
    ...IMPATIENT,
    onChange: (run) => {
      states.push(run.state);
      if (run.state === "running") bench.server.change(ID, { state: "storing" });
      else if (run.state === "storing") bench.server.change(ID, { state: "failed" });
    },
  });
  expect(states).toEqual(["running", "storing", "failed"]);
  expect(ended.state).toBe("failed");
});
