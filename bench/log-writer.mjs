// Writes LINES lines with the time at which each was written, PER_SECOND of them a second; for log-latency.ts.
import { writeSync } from "node:fs";

const [lines, perSecond] = process.argv.slice(2).map(Number);
const begin = Date.now();
let written = 0;
const timer = setInterval(() => {
  const due = Math.min(lines, ((Date.now() - begin) / 1000) * perSecond);
  for (; written < due; written += 1) {
    writeSync(1, `@ ${(performance.timeOrigin + performance.now()).toFixed(3)} ${written}\n`);
  }
  if (written >= lines) clearInterval(timer);
}, 1);
