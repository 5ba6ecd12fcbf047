import { writeFileSync } from "../../base/world-files.ts";
import type { Clock } from "../../base/clock.ts";

/** A log file of the service's own doing (`load-data.log`, `load-model.log`): one line at a time, with its time. */
export interface StagingLog {
  write(line: string): Promise<void>;
}

export function openStagingLog(path: string, clock: Clock): StagingLog {
  return {
    write: async (line) => {
      // A name from a bucket may hold a line end; a log line may not.
      const printable = line.replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
      // Synchronous: a line is written sooner than a way through the thread pool takes.
      writeFileSync(path, `${clock.now().toISOString()} ${printable}\n`, { flag: "a" });
    },
  };
}
