import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cpuMsWithChildren } from "../machine.ts";
import { end, freePort, printed } from "./processes.ts";

const START_PATIENCE_MS = 60_000;
const LOOK_MS = 100;
/** A controller that has just started starts nothing for about 3 s. */
const WARM_UP_MS = 4_000;
const DAEMONS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo"];

/** Slurm on this machine: one controller, one node, every daemon ours. */
export interface Slurm extends AsyncDisposable {
  readonly version: string;
  /** Resolves when sbatch has printed a number. */
  submit(command: string): Promise<void>;
  /** A job array of so many elements, `slots` of them at once; resolves when all have ended. */
  runArray(command: string, count: number, slots: number): Promise<void>;
  untilIdle(): Promise<void>;
  cpuMs(): number;
}

/** A sentence where a part of it is not here. */
export async function startSlurm(): Promise<Slurm | string> {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const missing = DAEMONS.filter(
    (name) => spawnSync("sh", ["-c", `command -v ${name}`], { env: { PATH: path } }).status,
  );
  if (missing.length > 0) return `${missing[0]} is not installed (Debian: slurmctld slurmd slurm-client munge)`;
  // A short path of its own: a UNIX socket's name has room for a hundred letters.
  const folder = await mkdtemp(join(tmpdir(), "slurm-"));
  chmodSync(folder, 0o755);
  const env = { PATH: path, LC_ALL: "C", HOME: folder, SLURM_CONF: join(folder, "slurm.conf") };
  const daemons: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    spawnSync("scancel", ["--user", userInfo().username], { env, timeout: 5_000 });
    for (const daemon of daemons.toReversed()) await end(daemon, "SIGTERM");
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await writeConfiguration(folder);
    const start = (...command: readonly string[]): void => void daemons.push(startDaemon(command, env, folder));
    start("munged", ...mungeOptions(folder));
    await until("munged", () => spawnSync("munge", ["-S", join(folder, "munge.socket"), "-n"], { env }).status === 0);
    start("slurmctld", "-D", "-c");
    start("slurmd", "-D", "-N", "bench");
    const isIdle = (): boolean =>
      /^idle$/m.test(spawnSync("sinfo", ["-h", "-o", "%t"], { env, encoding: "utf8" }).stdout);
    await until("the node", isIdle);
    await delay(WARM_UP_MS);
  } catch (error) {
    await stop();
    return `Slurm did not start: ${error instanceof Error ? error.message : String(error)}`;
  }
  const batch = ["--parsable", "--output", join(folder, "out", "%A_%a.txt"), "--chdir", folder];
  const untilIdle = async (): Promise<void> => {
    while ((await printed("squeue", ["-h", "-o", "%i"], env)).trim() !== "") await delay(LOOK_MS);
  };
  return {
    version: (await printed("sbatch", ["--version"], env)).trim(),
    submit: async (command) => {
      // What sbatch wraps is run by /bin/sh; all others here use bash.
      const wrapped = `exec bash -c '${command.replaceAll("'", "'\\''")}'`;
      await printed("sbatch", [...batch, "--wrap", wrapped], env);
    },
    runArray: async (command, count, slots) => {
      await printed("sbatch", [...batch, `--array=1-${count}%${slots}`, "--wrap", command], env);
      await untilIdle();
    },
    untilIdle,
    cpuMs: () => daemons.reduce((sum, { pid }) => sum + cpuMsWithChildren(pid as number), 0),
    [Symbol.asyncDispose]: stop,
  };
}

/** Slurm binds to what the host's name resolves to, so as root its daemons live on a machine called localhost. */
function startDaemon(command: readonly string[], env: NodeJS.ProcessEnv, folder: string): ChildProcess {
  const renamed = ["unshare", "--uts", "sh", "-c", 'hostname localhost && exec "$@"', "sh", ...command];
  const [program = "", ...args] = process.getuid?.() === 0 ? renamed : command;
  return spawn(program, args, { env, cwd: folder, stdio: "ignore" });
}

function mungeOptions(folder: string): string[] {
  const files = { "key-file": "munge.key", socket: "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed" };
  const options = Object.entries(files).map(([name, file]) => `--${name}=${join(folder, file)}`);
  return ["--foreground", "--force", ...options, `--log-file=${join(folder, "munge.log")}`];
}

/** As quick as Slurm gets: it looks at the queue with each submission and each end, and every second besides. */
async function writeConfiguration(folder: string): Promise<void> {
  for (const name of ["state", "spool", "out"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "munge.key"), randomBytes(128), { mode: 0o600 });
  const host = process.getuid?.() === 0 ? "localhost" : hostname();
  const [controller, node] = [await freePort(), await freePort()];
  const cores = Math.max(4, availableParallelism());
  const { username } = userInfo();
  const lines = {
    ClusterName: "bench",
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: controller,
    CommunicationParameters: "NoCtldInAddrAny,NoInAddrAny",
    SlurmUser: username,
    SlurmdUser: username,
    AuthType: "auth/munge",
    CredType: "cred/munge",
    AuthInfo: `socket=${join(folder, "munge.socket")}`,
    StateSaveLocation: join(folder, "state"),
    SlurmdSpoolDir: join(folder, "spool"),
    SlurmctldPidFile: join(folder, "slurmctld.pid"),
    SlurmdPidFile: join(folder, "slurmd.pid"),
    SlurmctldLogFile: join(folder, "slurmctld.log"),
    SlurmdLogFile: join(folder, "slurmd.log"),
    MpiDefault: "none",
    SwitchType: "switch/none",
    ReturnToService: 2,
    SchedulerType: "sched/backfill",
    SchedulerParameters: "batch_sched_delay=0,sched_min_interval=0,sched_interval=1",
    SelectType: "select/cons_tres",
    SelectTypeParameters: "CR_Core",
    SlurmdParameters: "config_overrides",
    ProctrackType: "proctrack/linuxproc",
    TaskPlugin: "task/none",
    JobAcctGatherType: "jobacct_gather/none",
    MaxJobCount: 50_000,
    MaxArraySize: 20_001,
    MinJobAge: 5,
    JobCompType: "jobcomp/filetxt",
    JobCompLoc: join(folder, "jobs.txt"),
    AccountingStorageType: "accounting_storage/none",
  };
  const nodes = [
    `NodeName=bench NodeHostname=${host} NodeAddr=127.0.0.1 Port=${node} CPUs=${cores} State=UNKNOWN`,
    "PartitionName=train Nodes=bench Default=YES MaxTime=INFINITE State=UP",
  ];
  const settings = Object.entries(lines).map(([name, value]) => `${name}=${value}`);
  writeFileSync(join(folder, "slurm.conf"), `${[...settings, ...nodes].join("\n")}\n`);
}

async function until(what: string, isReady: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + START_PATIENCE_MS;
  while (!isReady()) {
    if (performance.now() > deadlineMs) throw new Error(`${what} is not ready after ${START_PATIENCE_MS / 1000} s`);
    await delay(LOOK_MS);
  }
}
