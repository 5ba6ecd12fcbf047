import { once } from "node:events";
import { readFile, realpath } from "node:fs/promises";
import { sep } from "node:path";
import { text } from "node:stream/consumers";
import { spawn } from "./world-processes.ts";

/** Each round takes away all mounts that were seen; more than a few rounds means that somebody keeps mounting. */
const MAX_ROUNDS = 5;

/**
 * What is mounted at `path` or below it, the latest first; empty on systems without `/proc`. Nobody may remove a folder
 * recursively before this is empty: removal would go through the mount and take what lies behind it.
 */
export async function mountsBelow(path: string): Promise<string[]> {
  // The kernel names mounts by their real paths; what is not there has nothing mounted on it.
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return [];
  // Not Linux: nothing of ours is ever mounted there.
  const table = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  if (!table.includes(escaped(real))) return [];
  const below = real.endsWith(sep) ? real : real + sep;
  const points = table.split("\n").map((line) => unescaped(line.split(" ", 5)[4] ?? ""));
  return points.filter((point) => point === real || point.startsWith(below)).reverse();
}

/**
 * Takes away everything that is mounted at `path` or below it, also what is still in use: who has files open there
 * keeps them, but no path leads there any more. Rejects when something stays mounted.
 */
export async function unmountBelow(path: string): Promise<void> {
  let trouble = "";
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const points = await mountsBelow(path);
    if (points.length === 0) return;
    for (const point of points) {
      const ended = await runTool("umount", ["-l", point]);
      if (!ended.ok) trouble = ended.message;
    }
  }
  const [point] = await mountsBelow(path);
  if (point !== undefined) throw new Error(`'${point}' cannot be unmounted: ${trouble}`);
}

/** How a tool of the system ended; `message` is what it said, or why it could not be started. */
export type ToolEnd = { readonly ok: true } | { readonly ok: false; readonly message: string };

export async function runTool(program: string, args: readonly string[], cwd?: string): Promise<ToolEnd> {
  const options = cwd === undefined ? {} : { cwd };
  try {
    const child = spawn(program, args, { ...options, stdio: ["ignore", "ignore", "pipe"] });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "close") as Promise<[number | null]>]);
    return code === 0 ? { ok: true } : { ok: false, message: said.trim() || `${program} ended with ${code}` };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

/** The table writes blanks, tabs, line ends and backslashes as octal numbers (proc(5)). */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function escaped(path: string): string {
  return path.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
