// `npm run demo`: the whole path on real images, with the real programs. A fresh home, a server on a free port, a
// bucket, a ZIP, a manifest, `bx ml train`, and at the end a trained model in the results bucket.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packDirectory } from "../src/archive/pack-archive.ts";
import { formatBytes } from "../src/base/byte-size.ts";
import { chooseExample } from "./choose-example.ts";

const ROOT = join(import.meta.dirname, "..");
const EXAMPLES = join(ROOT, "examples", "fashion-mnist");
const WANTED_ACCURACY = 0.8;

async function main(): Promise<void> {
  const keep = process.argv.includes("--keep");
  const home = mkdtempSync(join(tmpdir(), "trainyard-demo-"));
  const startedAt = performance.now();
  say("Looking for the best framework that this machine can run ...");
  const example = await chooseExample(EXAMPLES);
  say(`It is ${example.label}.`);
  const server = await startServer(home);
  let isGood = false;
  try {
    isGood = await train(home, example.folder);
    say(`That took ${((performance.now() - startedAt) / 1000).toFixed(0)} s in all.`);
    sayWhatNext(home, keep, server);
  } finally {
    if (!keep) {
      await end(server);
      rmSync(home, { recursive: true, force: true });
    }
  }
  process.exitCode = isGood ? 0 : 1;
}

async function train(home: string, example: string): Promise<boolean> {
  const work = join(home, "demo");
  const bucket = join(home, "buckets", "fashion-mnist-training-data");
  mkdirSync(work);
  mkdirSync(bucket, { recursive: true });
  const data = join(EXAMPLES, "data");
  for (const name of readdirSync(data).filter((file) => file.endsWith(".gz")))
    cpSync(join(data, name), join(bucket, name));
  say(
    `The bucket fashion-mnist-training-data holds ${readdirSync(bucket).length} files: 6,000 + 1,000 images of Fashion-MNIST.`,
  );
  await packPrograms(example, join(work, "code"), join(work, "tf-model.zip"));
  cpSync(join(example, "job.yaml"), join(work, "job.yaml"));
  say(`The manifest, job.yaml:\n\n${indent(readFileSync(join(work, "job.yaml"), "utf8"))}`);

  const submitted = show(home, work, "bx", ["ml", "train", "tf-model.zip", "job.yaml"]);
  const id = /Model-ID is '(training-\w+)'/.exec(submitted)?.[1];
  if (id === undefined) throw new Error("The submission gave no id.");
  await follow(home, work, id);
  show(home, work, "bx", ["ml", "list", "trained-models"]);
  show(home, work, "bx", ["ml", "show", "trained-models", id]);

  const results = join(home, "buckets", "fashion-mnist-training-models", id);
  say(`The run's folder in the results bucket:\n\n${tree(results, "  ")}`);
  const log = readFileSync(join(results, "training-log.txt"), "utf8");
  const accuracy = Number(/Testing Accuracy: ([\d.]+)/.exec(log)?.[1] ?? Number.NaN);
  const isGood = accuracy >= WANTED_ACCURACY;
  say(`Test accuracy: ${(100 * accuracy).toFixed(1)} % on 1,000 images that the model had not seen.`);
  if (!isGood) say(`That is less than the ${100 * WANTED_ACCURACY} % this example should reach; something is wrong.`);
  return isGood;
}

/** The model definition is the programs alone; manifest and README stay outside, as on the page of 2017. */
async function packPrograms(example: string, folder: string, zip: string): Promise<void> {
  const isProgram = /\.(?:py|mjs)$/;
  for (const name of readdirSync(example).filter((file) => isProgram.test(file))) {
    cpSync(join(example, name), join(folder, name));
  }
  await packDirectory(folder, zip);
}

async function startServer(home: string): Promise<ChildProcess> {
  say(`$ trainyard serve --home ${home} --listen 127.0.0.1:0`);
  const args = ["serve", "--home", home, "--listen", "127.0.0.1:0"];
  // A session of its own: with --keep it lives on after this program and its terminal.
  const server = spawn(join(ROOT, "bin", "trainyard"), args, {
    env: { ...process.env, TRAINYARD_LOG_LEVEL: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  for await (const line of createInterface({ input: server.stdout })) {
    say(indent(line));
    if (line.includes("http://")) {
      server.stdout.destroy();
      return server;
    }
  }
  throw new Error("The server ended before it was ready.");
}

/** Runs one of our programs as a user would, and shows what was typed and what came. */
function show(home: string, cwd: string, program: string, args: readonly string[]): string {
  say(`$ ${program} ${args.join(" ")}`);
  const env = { ...process.env, TRAINYARD_HOME: home };
  const { stdout, stderr, status } = spawnSync(join(ROOT, "bin", program), args, { cwd, env, encoding: "utf8" });
  say(indent(`${stdout}${stderr}`.trimEnd()));
  if (status !== 0) throw new Error(`'${program} ${args.join(" ")}' ended with ${status}.`);
  return stdout;
}

async function follow(home: string, cwd: string, id: string): Promise<void> {
  say(`$ trainyard logs -f ${id}`);
  const env = { ...process.env, TRAINYARD_HOME: home };
  const logs = spawn(join(ROOT, "bin", "trainyard"), ["logs", "-f", id], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: logs.stdout })) process.stdout.write(`${indent(line)}\n`);
  process.stdout.write("\n");
}

function sayWhatNext(home: string, keep: boolean, server: ChildProcess): void {
  if (!keep) {
    say(
      "Next: 'npm run demo -- --keep' leaves the server running to play with; README.md shows how to use your own S3.",
    );
    return;
  }
  const { url } = JSON.parse(readFileSync(join(home, "server.json"), "utf8")) as { url: string };
  server.unref();
  say(
    [
      `The server goes on at ${url}. Try:`,
      `  export TRAINYARD_HOME=${home}`,
      `  bin/trainyard list`,
      `  bin/bx ml train ${join(home, "demo", "tf-model.zip")} ${join(home, "demo", "job.yaml")}`,
      `Stop it with: kill ${server.pid}`,
    ].join("\n"),
  );
}

async function end(server: ChildProcess): Promise<void> {
  const exited = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  await exited;
}

function tree(folder: string, margin: string): string {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return `${margin}${entry.name}/\n${tree(path, `${margin}  `)}`;
      return `${margin}${entry.name}  ${formatBytes(statSync(path).size)}`;
    })
    .join("\n");
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}

function say(text: string): void {
  process.stdout.write(`${text}\n\n`);
}

await main();
