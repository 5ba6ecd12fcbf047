// Loaded before a program by `--import`: counts the JavaScript that the program loads, and writes the count when it
// sends its first request and when it ends. Built-in modules are part of Node and not counted.
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync, statSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** Names the file that the counts are appended to, one JSON object on a line. */
const TARGET = process.env["TRAINYARD_BENCH_LOADED"];

const loaded = new Map<string, number>();

registerHooks({
  load: (url, context, nextLoad) => {
    const result = nextLoad(url, context);
    if (url.startsWith("file:")) loaded.set(url, result.source == null ? sizeOnDisk(url) : sizeOf(result.source));
    return result;
  },
});

/** Node reads some files by itself, after the hooks. */
function sizeOnDisk(url: string): number {
  return statSync(fileURLToPath(url)).size;
}

function sizeOf(source: string | ArrayBufferLike | NodeJS.TypedArray): number {
  return typeof source === "string" ? Buffer.byteLength(source) : source.byteLength;
}

function write(moment: string): void {
  if (TARGET === undefined) return;
  const bytes = [...loaded.values()].reduce((sum, size) => sum + size, 0);
  appendFileSync(TARGET, `${JSON.stringify({ moment, files: loaded.size, bytes, loaded: [...loaded] })}\n`);
}

let hasAsked = false;
subscribe("http.client.request.start", () => {
  if (!hasAsked) write("request");
  hasAsked = true;
});
process.on("exit", () => write("end"));
