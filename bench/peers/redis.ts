import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpuMsWithChildren, firstLine, residentMb } from "../machine.ts";

export interface Redis {
  readonly version: string;
  startAndStop(): Promise<{ readyMs: number; cpuMs: number; memoryMb: number; endMs: number }>;
}

/** A sentence where it is not installed. Starts empty: a floor for a server with a durable store, not an equal. */
export function startRedis(folder: string): Redis | string {
  const version = firstLine("redis-server", ["--version"]);
  if (version === "not here") return "redis-server is not installed";
  const args = ["--port", "0", "--unixsocket", `${folder}/redis.socket`, "--dir", folder, "--appendonly", "yes"];
  return {
    version: version.split(" ", 3).join(" "),
    startAndStop: async () => {
      const startMs = performance.now();
      const server = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
      const exited = once(server, "exit");
      let printed = "";
      for await (const text of server.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
        printed += text as string;
        if (printed.includes("ready to accept connections")) break;
      }
      const pid = server.pid as number;
      const figures = {
        readyMs: performance.now() - startMs,
        cpuMs: cpuMsWithChildren(pid),
        memoryMb: residentMb(pid),
      };
      server.stdout.resume();
      server.kill("SIGTERM");
      const endingMs = performance.now();
      await exited;
      return { ...figures, endMs: performance.now() - endingMs };
    },
  };
}
