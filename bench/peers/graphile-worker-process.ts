// The worker of the peer, in a process of its own as ours is: its handler starts the command, as our launcher does.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { GraphileLibrary } from "./graphile-worker.ts";
import { loadPeer } from "./resolve-peer.ts";

const [library, connectionString] = process.argv.slice(2) as [string, string];
const graphile = await loadPeer<GraphileLibrary>(library);

await graphile.run({
  connectionString,
  concurrency: 4,
  taskList: {
    start: async ({ command }: { readonly command: string }) => {
      await once(spawn("bash", ["-c", command], { stdio: "ignore" }), "exit");
    },
  },
});
process.stdout.write("ready\n");
