import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { plantedBug } from "./planted-bugs.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const ENTRY = "server-under-test";

export interface Bundle extends AsyncDisposable {
  /** What Node is to run: the gate of `arm.ts` and then the command line of `trainyard`. */
  readonly program: string;
}

/**
 * The real server put together from its sources into a few files, because it is started a thousand times, and finding and
 * loading 600 files is more than half of the processor time of a start. A planted bug is put in on the way.
 */
export async function bundleServer(place: string, plant: string): Promise<Bundle> {
  const folder = await mkdtemp(join(place, "crash-server-"));
  const bug = plantedBug(plant);
  const build = await rolldown({
    cwd: ROOT,
    platform: "node",
    input: { server: ENTRY },
    plugins: [
      {
        name: ENTRY,
        resolveId: (id) => (id === ENTRY ? ENTRY : null),
        load: (id) => (id === ENTRY ? entrySource() : null),
        transform: (source, id) => {
          if (!id.startsWith(join(ROOT, "src"))) return null;
          // Files beside a source, such as those of its threads, are found where the source is.
          const placed = source.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
          if (bug === null || !id.endsWith(bug.file)) return placed;
          if (!source.includes(bug.right)) throw new Error(`${bug.file} has changed: '${bug.right}' is not in it.`);
          return placed.replace(bug.right, bug.wrong);
        },
      },
    ],
  });
  await build.write({ dir: folder, format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" });
  await build.close();
  return {
    program: join(folder, "server.mjs"),
    [Symbol.asyncDispose]: async () => rm(folder, { recursive: true, force: true }),
  };
}

function entrySource(): string {
  const [arm, main] = ["test/crash/arm.ts", "src/main.ts"].map((path) => JSON.stringify(join(ROOT, path)));
  return `import ${arm}; import { main } from ${main}; await main("trainyard", process.argv.slice(2));`;
}
