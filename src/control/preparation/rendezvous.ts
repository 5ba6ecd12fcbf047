import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { readFile } from "node:fs/promises";
import { open, rename } from "../../base/world-files.ts";

/** Where the learners of one attempt meet: the first port is the master's, one more for each learner. */
export interface Rendezvous {
  readonly ports: readonly number[];
}

/** Ports that are free now. Held together while they are picked, so that no two are the same. */
async function findFreePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(async (server) => {
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        return (server.address() as AddressInfo).port;
      }),
    );
  } finally {
    for (const server of servers) server.close();
  }
}

/**
 * The meeting place of an attempt, chosen once and kept in the file: a learner that a restarted server starts must
 * look for the others where they are.
 */
export async function arrangeRendezvous(path: string, learners: number): Promise<Rendezvous> {
  if (learners === 1) return { ports: [] };
  const kept = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (kept !== null) return JSON.parse(kept) as Rendezvous;
  const rendezvous = { ports: await findFreePorts(learners + 1) };
  {
    await using draft = await open(`${path}.draft`, "w");
    await draft.writeFile(JSON.stringify(rendezvous));
    await draft.sync();
  }
  await rename(`${path}.draft`, path);
  return rendezvous;
}

/** What frameworks read to find their peers. Nothing for a run of one learner: programs take these as "distributed". */
export function peerVariables(learner: number, learners: number, { ports }: Rendezvous): Record<string, string> {
  const [masterPort, ...workerPorts] = ports;
  if (masterPort === undefined) return {};
  const address = "127.0.0.1";
  const rank = String(learner - 1);
  return {
    // torch.distributed, env:// initialisation
    MASTER_ADDR: address,
    MASTER_PORT: String(masterPort),
    RANK: rank,
    WORLD_SIZE: String(learners),
    LOCAL_RANK: "0",
    LOCAL_WORLD_SIZE: "1",
    // defaults of torchrun's flags, so that a bare `torchrun train.py` works
    PET_NNODES: String(learners),
    PET_NPROC_PER_NODE: "1",
    PET_NODE_RANK: rank,
    PET_MASTER_ADDR: address,
    PET_MASTER_PORT: String(masterPort),
    // tf.distribute.MultiWorkerMirroredStrategy
    TF_CONFIG: JSON.stringify({
      cluster: { worker: workerPorts.map((port) => `${address}:${port}`) },
      task: { type: "worker", index: learner - 1 },
    }),
  };
}
