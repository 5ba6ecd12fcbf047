import { appendFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openServedLog } from "../../src/logs/served-log.ts";
import { controlBundle } from "./control-bundle.ts";

/** What nobody may see, in the places where a manifest has credentials, one of each kind that is hard to find again. */
const CANARIES = [
  { id: "AKIACANARY0000000001", secret: "qu\"ote'd/+canary=\\" },
  { id: "Zk4q", secret: "first-line-canary\nsecond-line-canary" },
  { id: "schlüssel-ключ-🗝", secret: "pässwörd-пароль-🔑" },
];

function manifest({ id, secret }: { id: string; secret: string }): string {
  const connection = { endpoint_url: "https://s3.example.com", aws_access_key_id: id, aws_secret_access_key: secret };
  return JSON.stringify({
    model_definition: { name: "leak", framework: { name: "shell", version: "any" }, execution: { command: "env" } },
    training_results: { connection, target: { bucket: "models", type: "s3" } },
  });
}

const formsOf = (text: string): readonly string[] => [
  text,
  JSON.stringify(text).slice(1, -1),
  encodeURIComponent(text),
  // Without the letter at the end that may belong to what follows as well.
  Buffer.from(text)
    .toString("base64")
    .slice(0, Math.floor((Buffer.byteLength(text) * 8) / 6)),
  Buffer.from(text)
    .toString("base64url")
    .slice(0, Math.floor((Buffer.byteLength(text) * 8) / 6)),
];

async function everyFile(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = names
    .filter((name) => name.isFile())
    .map(async (name) => readFile(join(name.parentPath, name.name), "utf8"));
  return (await Promise.all(texts)).join("\n");
}

test.each(CANARIES)(
  "a program that prints its credentials $id leaves none of them where a log can be read",
  async (pair) => {
    const forms = [pair.id, ...pair.secret.split("\n"), pair.secret].flatMap(formsOf);
    const printed = `${forms.join("\n")}\nAuthorization: Basic ${Buffer.from(`${pair.id}:${pair.secret}`).toString("base64")}\nlast line\n`;
    await using bundle = await controlBundle({
      script: ({ directory }) => {
        // In two writes, with a secret across them.
        const log = join(directory, "training-log.txt");
        const middle = printed.indexOf(pair.secret) + 5;
        appendFileSync(log, printed.slice(0, middle));
        appendFileSync(log, printed.slice(middle));
        return { kind: "exits", exitCode: 1 };
      },
    });
    const { id } = await bundle.submit(manifest(pair));
    const run = await bundle.untilEnded(id);
    await using log = await openServedLog(await bundle.control.runs.logFile(id, 1));
    const served = (await log.read(0, 1_000_000))?.bytes.toString() ?? "";
    const surfaces = {
      served,
      failure: JSON.stringify(run.failure),
      warnings: JSON.stringify(run.warnings),
      events: JSON.stringify(await bundle.control.runs.events(id, 0, 1000)),
      "run directory": await everyFile(join(bundle.home, "runs", id, "learner-1")),
      bucket: await everyFile(join(bundle.home, "buckets", "models", id)),
      "service log": bundle.logged.join("\n"),
    };
    expect(served).toMatch(/\*{4}\n[^]*\nlast line\n/u);
    expect(run.failure?.logTail).toContain("last line");
    for (const [surface, text] of Object.entries(surfaces)) {
      for (const form of forms) expect(text.includes(form), `${JSON.stringify(form)} in ${surface}`).toBe(false);
    }
  },
);
