// Loaded into the real server before everything else (`bundle.ts`). Counts the steps that change the world, and ends its own
// process with SIGKILL right before the one that it was told.
import { writeFileSync } from "node:fs";
import { guardWorld, type Step } from "../../src/base/world.ts";

/** What the driver sends to a server that runs already. Answered with the same number once it counts. */
export interface Arming {
  /** From 1, counted from now on; 0 lets it live. */
  readonly crashAt: number;
  /** Whether the beginning of a write still reaches the disk. */
  readonly tears: boolean;
}

let left = Number(process.env["CRASH_AT"] ?? 0);
let tears = process.env["CRASH_TEARS"] === "1";
const report = process.env["CRASH_REPORT"] ?? "/dev/null";

/** Looking at what is installed costs seconds of processor time at each start and changes nothing. */
const PROBED = /(?:^|\/)(?:python[\d.]*|node|uv|pip[\d.]*)$/;
const TORN_BYTES = 5;

guardWorld((step) => {
  if (step.kind === "spawn" && PROBED.test(step.subject)) {
    throw Object.assign(new Error(`spawn ${step.subject} ENOENT`), { code: "ENOENT" });
  }
  if (left === 0) return undefined;
  left -= 1;
  if (left > 0) return undefined;
  if (tears && step.kind === "write") return { bytes: TORN_BYTES, afterwards: () => die(step) };
  return die(step);
});

function die(step: Step): never {
  writeFileSync(report, JSON.stringify(step));
  process.kill(process.pid, "SIGKILL");
  throw new Error("SIGKILL was survived.");
}

process.on("message", (arming: Arming) => {
  left = arming.crashAt;
  tears = arming.tears;
  process.send?.(arming.crashAt);
});
// A driver that is gone leaves no server behind.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.channel?.unref();
