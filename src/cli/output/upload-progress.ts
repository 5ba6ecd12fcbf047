import { formatBytes } from "../../base/byte-size.ts";
import type { Output } from "../io.ts";

/** Below this an upload is over before anyone has read the line. */
const WORTH_SHOWING_BYTES = 1_000_000;
const CLEAR_LINE = "\r\u001b[K";

export interface UploadProgress {
  readonly report: (sentBytes: number) => void;
  /** Takes the line away. */
  end(): Promise<void>;
}

/** One line on a terminal that tells how much of a ZIP is sent; nothing anywhere else. */
export function uploadProgress(output: Output, totalBytes: number): UploadProgress {
  if (!output.isTty || totalBytes < WORTH_SHOWING_BYTES) return { report: () => {}, end: async () => {} };
  let shownPercent = -1;
  return {
    report: (sentBytes) => {
      const percent = Math.min(100, Math.floor((sentBytes / totalBytes) * 100));
      if (percent === shownPercent) return;
      shownPercent = percent;
      const text = `${CLEAR_LINE}Sending the ZIP: ${percent} % of ${formatBytes(totalBytes)}`;
      // Only decoration: a terminal that is gone is noticed by the next real line.
      output.write(text).catch(() => {});
    },
    end: async () => {
      if (shownPercent >= 0) await output.write(CLEAR_LINE);
    },
  };
}
