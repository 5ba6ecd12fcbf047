import { createHash } from "node:crypto";
import { lstat, opendir, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { mkdir, open, rename, rm, utimes } from "../base/world-files.ts";
import type { Environment } from "./environment.ts";
import { knownFramework } from "./framework-names.ts";
import { isProgram } from "./interpreter-places.ts";

/** Written last into the folder of an environment: who sees it knows that everything else is there. */
const COMPLETE = ".complete";

const Record_ = z.object({
  framework: z.string(),
  version: z.string(),
  pythonVersion: z.string(),
  requirements: z.array(z.string()),
  /** Whether the requirements are more than the framework's recipe asks for. */
  isSpecial: z.boolean(),
  inputKey: z.string(),
  builtBy: z.string(),
  builtAt: z.iso.datetime(),
  sizeBytes: z.int(),
});

/** What is known of an environment that was built here. */
export type BuiltRecord = z.infer<typeof Record_>;

export interface BuiltEnvironment extends BuiltRecord {
  /** The first 16 digits of its lock's SHA-256; its folder is called so. */
  readonly id: string;
  readonly lastUsedAt: Date;
}

const ID = /^[0-9a-f]{16}$/;

export function environmentId(lock: string): string {
  return createHash("sha256").update(lock).digest("hex").slice(0, 16);
}

/**
 * The folder of built environments, `home/environments`:
 *
 *   ID/                 a virtual environment; it cannot be moved, so it is made where it stays
 *   ID/requirements.lock, ID/.complete
 *   ID.log              what the build printed, also of a build that failed
 *
 * A folder without `.complete` is what a crash left; the next build of the same lock removes it.
 */
export class BuiltEnvironments {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  folder(id: string): string {
    if (!ID.test(id)) throw new Error(`'${id}' is no id of an environment.`);
    return join(this.#root, id);
  }

  logPath(id: string): string {
    return `${this.folder(id)}.log`;
  }

  /** Undefined when it is not there, not whole, or when the Python it was made from is gone. */
  async find(id: string): Promise<BuiltEnvironment | undefined> {
    if (!ID.test(id)) return undefined;
    const marker = join(this.folder(id), COMPLETE);
    const text = await readFile(marker, "utf8").catch(() => undefined);
    if (text === undefined || !(await isProgram(join(this.folder(id), "bin/python")))) return undefined;
    const record = Record_.safeParse(parseJson(text));
    return record.success ? { ...record.data, id, lastUsedAt: (await stat(marker)).mtime } : undefined;
  }

  /** The one that was used last first. */
  async list(): Promise<readonly BuiltEnvironment[]> {
    const names = await readdir(this.#root).catch(() => []);
    const found = await Promise.all(names.filter((name) => ID.test(name)).map(async (id) => this.find(id)));
    return found.filter((one) => one !== undefined).toSorted((a, b) => +b.lastUsedAt - +a.lastUsedAt);
  }

  async readLock(id: string): Promise<string> {
    return readFile(join(this.folder(id), "requirements.lock"), "utf8");
  }

  /** Removes what an earlier build left and says where to build. */
  async clear(id: string): Promise<string> {
    await mkdir(this.#root, { recursive: true });
    await rm(this.folder(id), { recursive: true, force: true, maxRetries: 3 });
    return this.folder(id);
  }

  /** Lets every interpreter of the environment run this Python when it starts. */
  async writeAtStart(id: string, pythonVersion: string, text: string): Promise<void> {
    const minor = pythonVersion.split(".").slice(0, 2).join(".");
    const packages = join(this.folder(id), "lib", `python${minor}`, "site-packages");
    await writeSynced(join(packages, "trainyard_at_start.py"), text);
    // Python runs the import lines of such files; one that fails is reported and ends nothing.
    await writeSynced(join(packages, "trainyard_at_start.pth"), "import trainyard_at_start\n");
  }

  /** Declares the folder whole. */
  async complete(id: string, lock: string, record: BuiltRecord): Promise<void> {
    await writeSynced(join(this.folder(id), "requirements.lock"), lock);
    const draft = join(this.folder(id), `${COMPLETE}.draft`);
    await writeSynced(draft, JSON.stringify(record));
    await rename(draft, join(this.folder(id), COMPLETE));
  }

  async markUsed(id: string, at: Date): Promise<void> {
    await utimes(join(this.folder(id), COMPLETE), at, at);
  }

  /** False when there is none. What a crash leaves in between is no whole environment. */
  async remove(id: string): Promise<boolean> {
    if (!ID.test(id)) return false;
    const isThere = await stat(this.folder(id)).then(
      () => true,
      () => false,
    );
    await rm(join(this.folder(id), COMPLETE), { force: true });
    await rm(this.folder(id), { recursive: true, force: true, maxRetries: 3 });
    await rm(this.logPath(id), { force: true });
    return isThere;
  }

  async sizeOf(id: string): Promise<number> {
    return folderSize(this.folder(id));
  }
}

/** How a run gets a built environment. */
export function environmentOf(built: BuiltEnvironment, folder: string): Environment {
  const title = knownFramework(built.framework)?.title ?? built.framework;
  const python = `Python ${built.pythonVersion}`;
  const what = built.framework === "python" ? python : `${title} ${built.version} on ${python}`;
  const more = built.isSpecial ? " with further requirements" : "";
  return {
    framework: built.framework,
    version: built.version,
    label: `${what}${more} (built environment ${built.id})`,
    origin: "built",
    programs: {},
    path: [join(folder, "bin")],
    env: {},
  };
}

async function writeSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, "w");
  await file.writeFile(text);
  await file.sync();
}

async function folderSize(path: string): Promise<number> {
  let total = 0;
  for await (const entry of await opendir(path, { recursive: true })) {
    if (entry.isFile()) total += (await lstat(join(entry.parentPath, entry.name))).size;
  }
  return total;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not whole after a power cut: then the environment is not either.
    return undefined;
  }
}
