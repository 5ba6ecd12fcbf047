import { spawn } from "node:child_process";
import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { directoryManifest } from "./manifests.ts";
import { ROOT, startService, type Service } from "./service.ts";
import { writeZip } from "./zip.ts";

/** `npm run test:logs -- --deep` asks for a hundred million. */
const LINES = Number(process.env["TRAINYARD_LOG_LINES"] ?? 10_000_000);
const PARTS = 20;

/** What is hard to carry: a line of 10 MB, NUL, bytes that are no UTF-8, a carriage return, half a character at the very end. */
const HARD_END = `head -c 10000000 /dev/zero | tr '\\0' x; printf '\\n50 %%\\r100 %%\\n\\0\\377\\376\\nno newline \\342\\202'`;

async function submit(service: Service, lines: number, pause: string, end: string): Promise<string> {
  const each = lines / PARTS;
  const loop = `for i in $(seq 0 ${PARTS - 1}); do seq $((i * ${each} + 1)) $(((i + 1) * ${each})); sleep ${pause}; done`;
  await writeZip(join(service.work, "model.zip"), { "train.sh": `echo BEGIN; ${loop}; echo END; ${end}` });
  await writeFile(join(service.work, "job.yaml"), directoryManifest({ command: "bash train.sh" }));
  const { stdout, stderr, code } = await service.trainyard(["submit", "model.zip", "job.yaml", "-q"]);
  expect([code, stderr]).toEqual([0, ""]);
  return stdout.trim();
}

/** Follows as a careful program would: comes back with the last id, to whatever server there is, until the end is told. */
async function followEvents(
  service: Service,
  id: string,
): Promise<{ sha256: string; bytes: number; connections: number }> {
  const hash = createHash("sha256");
  let lastId: string | null = null;
  let bytes = 0;
  let connections = 0;
  for (;;) {
    connections += 1;
    try {
      const headers = {
        authorization: `Bearer ${await service.token()}`,
        ...(lastId === null ? {} : { "last-event-id": lastId }),
      };
      const answer = await fetch(`${await service.url()}/api/v1/runs/${id}/logs`, { headers });
      let rest = "";
      let events = 0;
      for await (const text of (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
        const blocks = (rest + text).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) {
          const [, eventId, name, content] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/u.exec(block) ?? [];
          if (eventId === undefined || content === undefined) continue;
          const piece =
            name === "text"
              ? Buffer.from(JSON.parse(content) as string)
              : Buffer.from(name === "bytes" ? content : "", "base64");
          hash.update(piece);
          bytes += piece.length;
          lastId = eventId;
          events += 1;
          if (name === "end") return { sha256: hash.digest("hex"), bytes, connections };
        }
        // The client's own connection is cut now and then, in the middle of an event perhaps.
        if (connections < 6 && events > 200) throw new Error("cut");
      }
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The command line, its output hashed as it comes. */
async function followCommand(
  service: Service,
  id: string,
): Promise<{ sha256: string; code: number | null; told: string }> {
  const { PATH = "", HOME = "" } = process.env;
  const env = { PATH, HOME, TRAINYARD_HOME: service.home };
  const child = spawn(join(ROOT, "bin", "trainyard"), ["logs", "-f", id], { env, stdio: ["ignore", "pipe", "pipe"] });
  const hash = createHash("sha256");
  let told = "";
  child.stdout.on("data", (bytes: Buffer) => hash.update(bytes));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (told += text));
  await once(child, "close");
  return { sha256: hash.digest("hex"), code: child.exitCode, told };
}

/** How many lines of a stored log are the numbers from 1 on, in order; throws at the first that is missing, doubled or moved. */
async function countNumbers(path: string): Promise<{ numbers: number; sha256: string; sizeBytes: number }> {
  const hash: Hash = createHash("sha256");
  let expected = 0;
  let sizeBytes = 0;
  let rest = Buffer.alloc(0);
  let state: "before" | "numbers" | "after" = "before";
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
    if (state === "after") continue;
    const bytes = Buffer.concat([rest, chunk as Buffer]);
    const end = bytes.lastIndexOf(0x0a) + 1;
    rest = bytes.subarray(end);
    for (const line of bytes.toString("latin1", 0, end).split("\n").slice(0, -1)) {
      if (state === "before") state = line === "BEGIN" ? "numbers" : "before";
      else if (state === "numbers") {
        const isNumber = Number(line) === expected + 1;
        // A killed program stops where it was: perhaps within a number, before the service's last lines.
        if (!isNumber) state = "after";
        else expected += 1;
        if (!isNumber && /^\d+$/u.test(line) && !String(expected + 1).startsWith(line))
          throw new Error(`After ${expected} came ${line}.`);
      }
    }
  }
  return { numbers: expected, sha256: hash.digest("hex"), sizeBytes };
}

async function untilRunning(service: Service, id: string): Promise<void> {
  const path = join(service.home, "runs", id, "learner-1", "training-log.txt");
  await expect
    .poll(async () => (await readFile(path, "latin1").catch(() => "")).includes("BEGIN"), { timeout: 20_000 })
    .toBe(true);
}

const stored = (service: Service, id: string): string =>
  join(service.home, "buckets", "models", id, "training-log.txt");

test(
  `${LINES} numbered lines arrive once and in order through kills of the server and cut connections`,
  { timeout: 1_800_000 },
  async () => {
    await using service = await startService();
    const id = await submit(service, LINES, "0.2", HARD_END);
    await untilRunning(service, id);
    const following = Promise.all([followEvents(service, id), followCommand(service, id)]);
    for (let kill = 0; kill < 3; kill += 1) {
      await new Promise((resolve) => setTimeout(resolve, 700));
      await service.kill();
      await service.start();
    }
    const [events, command] = await following;
    const counted = await countNumbers(stored(service, id));
    expect(counted.numbers).toBe(LINES);
    expect(events).toMatchObject({ sha256: counted.sha256, bytes: counted.sizeBytes });
    expect({ sha256: command.sha256, code: command.code }).toEqual({ sha256: counted.sha256, code: 0 });
    expect(events.connections).toBeGreaterThan(3);
    expect(command.told).toMatch(/Trying again/u);
  },
);

test("a program that is killed in the middle leaves a log that ends where it was, and followers get all of it", async () => {
  await using service = await startService();
  const id = await submit(service, 2_000_000, "0.3", "true");
  await untilRunning(service, id);
  const following = Promise.all([followEvents(service, id), followCommand(service, id)]);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect((await service.trainyard(["stop", id, "--grace", "0"])).code).toBe(0);
  const [events, command] = await following;
  const counted = await countNumbers(stored(service, id));
  expect(counted.numbers).toBeGreaterThan(0);
  expect(counted.numbers).toBeLessThan(2_000_000);
  expect([events.sha256, command.sha256]).toEqual([counted.sha256, counted.sha256]);
});
