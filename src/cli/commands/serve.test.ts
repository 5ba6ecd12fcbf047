import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";

const MAIN = new URL("../../main.ts", import.meta.url).href;

/** `trainyard serve` as a program of its own, down to the real configuration, with a home of its own. */
async function serve(configuration: string, variables: Readonly<Record<string, string>>) {
  const home = await mkdtemp(join(tmpdir(), "trainyard-serve-"));
  onTestFinished(() => rm(home, { recursive: true }));
  await writeFile(join(home, "trainyard.yaml"), configuration);
  const program = `const { main } = await import(${JSON.stringify(MAIN)}); await main("trainyard", process.argv.slice(1));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, "--", "serve", "--home", home], {
    env: { PATH: process.env["PATH"], HOME: home, ...variables },
  });
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  return { code: code as number, err: err.replaceAll(home, "HOME") };
}

test("serve tells every problem of file and variables once, each with its place", async () => {
  const { code, err } = await serve("log:\n  levl: info\n", { TRAINYARD_LISTEN: "abc" });
  expect(code).toBe(2);
  expect(err).toBe(
    [
      "error: The configuration has 2 problems.",
      "  HOME/trainyard.yaml:2:3: There is no setting 'log.levl'. Did you mean 'level'?",
      "  TRAINYARD_LISTEN: 'listen' must be HOST:PORT, where a port of 0 picks a free one, and is \"abc\". For example: listen: 127.0.0.1:7878",
      "hint: Mend each of the listed places.",
      "",
    ].join("\n"),
  );
});
