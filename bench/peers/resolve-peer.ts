import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Who measures may name a folder with a `node_modules` of peers: they are no dependencies of ours. */
const PEERS_VARIABLE = "TRAINYARD_BENCH_PEERS";

export interface Peer {
  /** Of its entry file. */
  readonly path: string;
  readonly version: string;
}

/** Undefined where it is not installed, which is the usual case. */
export function resolvePeer(name: string): Peer | undefined {
  const require = createRequire(join(process.env[PEERS_VARIABLE] ?? import.meta.dirname, "peers.js"));
  try {
    const { version } = require(`${name}/package.json`) as { version: string };
    return { path: require.resolve(name), version };
  } catch {
    return undefined;
  }
}

export function howToInstall(name: string): string {
  return `${name} is not installed; ${PEERS_VARIABLE}=DIR names a folder where 'npm install ${name}' was run`;
}

/** The library is not there when types are checked, so its user says what it uses of it. */
export async function loadPeer<Library>(path: string): Promise<Library> {
  return (await import(pathToFileURL(path).href)) as Library;
}
