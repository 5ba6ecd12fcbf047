import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { ScriptedServer } from "../client/scripted-server.ts";

/** What may be loaded before `list` asks the server: the command line has to answer at once. */
const LIMIT_BYTES = 300_000;

/** Runs `trainyard list` as `bin/trainyard` does and then tells which files of JavaScript were loaded for it. */
const PROGRAM = `
  import { registerHooks } from "node:module";
  const urls = [];
  registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
  const { main } = await import(${JSON.stringify(new URL("../main.ts", import.meta.url).href)});
  await main("trainyard", ["list", "-o", "name"]);
  console.log(JSON.stringify(urls));
`;

test("list loads little code, and neither schemas nor anything of the server", async () => {
  await using server = await ScriptedServer.start();
  const env = { ...process.env, TRAINYARD_HOME: "", TRAINYARD_URL: server.url, TRAINYARD_TOKEN: server.token };
  const child = spawn(process.execPath, ["--input-type=module", "-e", PROGRAM], { env });
  const [printed] = await Promise.all([text(child.stdout), once(child, "exit")]);
  const files = (JSON.parse(printed) as string[]).filter((url) => url.startsWith("file:"));
  const totalBytes = files.reduce((sum, url) => sum + statSync(new URL(url)).size, 0);
  expect(totalBytes).toBeLessThan(LIMIT_BYTES);
  expect(files.filter((url) => /node_modules\/(?:zod|fastify|yaml|yauzl|kysely)\/|src\/server\//.test(url))).toEqual(
    [],
  );
  expect(files.some((url) => url.endsWith("/commands/list.ts"))).toBe(true);
});
