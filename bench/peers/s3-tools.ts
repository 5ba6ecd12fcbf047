import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { firstLine } from "../machine.ts";

const run = promisify(execFile);

/** Where a bucket is, and who may read it. */
export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A program that brings a bucket into a folder. */
export interface Downloader {
  readonly name: string;
  /** What it says about itself; "not here" when it is not installed. */
  readonly version: string;
  /** Program and arguments, and what it reads from its environment. `scratch` is a folder for its settings. */
  command(place: S3Place, folder: string, scratch: string): Promise<Command>;
}

interface Command {
  readonly args: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** What a program took from its start to its end. */
export interface Cost {
  readonly [figure: string]: number;
  readonly wallMs: number;
  /** Of ours without the start of Node and the loading of its code, which a server has behind it; of others the same as `wallMs`. */
  readonly warmMs: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** `program` is `bench/download-process.ts`, compiled. */
export function trainyard(program: string): Downloader {
  return {
    name: "trainyard",
    version: process.version,
    command: async ({ endpoint, bucket, ...keys }, folder) => ({
      args: [process.execPath, program, endpoint, bucket, folder],
      env: amazonKeys(keys),
    }),
  };
}

/** Without the requests that it makes only to learn times and types, which nobody compares here. */
export function rclone(transfers: number): Downloader {
  const tuned = ["--use-server-modtime", "--fast-list", "--s3-no-head-object", "--s3-no-check-bucket", "--quiet"];
  return {
    name: `rclone --transfers ${transfers}`,
    version: firstLine("rclone", ["version"]),
    command: async (place, folder) => ({
      args: ["rclone", "copy", `bench:${place.bucket}`, folder, "--transfers", String(transfers), ...tuned],
      env: {
        RCLONE_CONFIG: "/dev/null",
        RCLONE_CONFIG_BENCH_TYPE: "s3",
        RCLONE_CONFIG_BENCH_PROVIDER: "Other",
        RCLONE_CONFIG_BENCH_ENDPOINT: place.endpoint,
        RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: place.accessKeyId,
        RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: place.secretAccessKey,
      },
    }),
  };
}

export function awsSync(): Downloader {
  return {
    name: "aws s3 sync",
    version: firstLine("aws", ["--version"]),
    command: async ({ endpoint, bucket, ...keys }, folder) => ({
      args: ["aws", "--endpoint-url", endpoint, "s3", "sync", `s3://${bucket}`, folder, "--only-show-errors"],
      env: amazonKeys(keys),
    }),
  };
}

export function s3cmd(): Downloader {
  return {
    name: "s3cmd sync",
    version: firstLine("s3cmd", ["--version"]),
    command: async (place, folder, scratch) => {
      const { host } = new URL(place.endpoint);
      const settings = [
        "[default]",
        `access_key = ${place.accessKeyId}`,
        `secret_key = ${place.secretAccessKey}`,
        `host_base = ${host}`,
        `host_bucket = ${host}`,
        "use_https = False",
        "signature_v2 = False",
      ];
      const file = join(scratch, "s3cmd.ini");
      await writeFile(file, `${settings.join("\n")}\n`, { mode: 0o600 });
      return { args: ["s3cmd", "-c", file, "--quiet", "sync", `s3://${place.bucket}/`, `${folder}/`], env: {} };
    },
  };
}

/** Runs the program to its end into a new folder, measured by GNU time: its children count, the server does not. */
export async function measureDownload(
  downloader: Downloader,
  place: S3Place,
  folder: string,
  scratch: string,
): Promise<Cost> {
  await mkdir(folder, { recursive: true });
  const { args, env } = await downloader.command(place, folder, scratch);
  const report = join(scratch, "time.txt");
  const { PATH = "", HOME = "" } = process.env;
  const { stdout } = await run("/usr/bin/time", ["-f", "%e %U %S %M", "-o", report, ...args], {
    env: { PATH, HOME, ...env },
  });
  const last = (await readFile(report, "utf8")).trim().split("\n").at(-1) ?? "";
  const [wall = 0, user = 0, system = 0, kib = 0] = last.split(" ").map(Number);
  const warmMs = Number(/ objects in ([\d.]+) ms/.exec(stdout)?.[1] ?? wall * 1000);
  return { wallMs: wall * 1000, warmMs, cpuMs: (user + system) * 1000, rssMb: (kib * 1024) / 1e6 };
}

function amazonKeys({ accessKeyId, secretAccessKey }: Pick<S3Place, "accessKeyId" | "secretAccessKey">) {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
  };
}
