import { readFile } from "node:fs/promises";
import { uptime } from "node:os";
import { join } from "node:path";
import { readBootId } from "../../base/boot-id.ts";
import { syncFolder } from "../../base/sync-folder.ts";
import { rename, writeFile } from "../../base/world-files.ts";
import type { TimeMark, TimeMemory } from "./trusted-time.ts";

/** The time mark in `home/time-mark.json`, beside the machine's own count of the time since it was started. */
export function timeMemoryIn(home: string): TimeMemory {
  const path = join(home, "time-mark.json");
  return {
    bootId: readBootId,
    uptimeMs: () => uptime() * 1000,
    read: async () => markIn(await readFile(path, "utf8").catch(() => "null")),
    write: async (mark) => {
      await writeFile(`${path}.draft`, JSON.stringify(mark), { flush: true });
      await rename(`${path}.draft`, path);
      await syncFolder(home);
    },
  };
}

const NO_MARK: TimeMark = { believedMs: 0, bootId: "", uptimeMs: 0, doubt: null };

/** Null for anything that is no mark: a file that somebody broke must not keep a server from starting. */
function markIn(text: string): TimeMark | null {
  try {
    const mark = JSON.parse(text) as Partial<TimeMark> | null;
    const isWhole = Number.isFinite(mark?.believedMs) && Number.isFinite(mark?.uptimeMs);
    return isWhole ? { ...NO_MARK, ...mark } : null;
  } catch {
    return null;
  }
}
