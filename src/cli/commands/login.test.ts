import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CliBench } from "../cli-bench.ts";

async function setUp(): Promise<CliBench> {
  const bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  bench.stdin = `${bench.server.token}\n`;
  return bench;
}

test("login keeps address and token in a file that nobody else can read, and later commands use it", async () => {
  await using bench = await setUp();
  const { out, err, code } = await bench.trainyard("login", "--url", `${bench.server.url}/`);
  const file = join(bench.folder, "config", "login.json");
  expect({ out, code }).toEqual({ out: "", code: 0 });
  expect(err).toBe(`Logged in to ${bench.server.url}. The token is kept in ${file}.\n`);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(JSON.parse(await readFile(file, "utf8"))).toEqual({ url: bench.server.url, token: bench.server.token });
  expect((await bench.trainyard("list")).code).toBe(0);
});

test("login takes the token from a file", async () => {
  await using bench = await setUp();
  bench.stdin = "";
  await bench.write("token", `${bench.server.token}\n`);
  const { code } = await bench.trainyard("login", "--url", bench.server.url, "--token-file", "token");
  expect(code).toBe(0);
});

test("a token that the server refuses is not kept", async () => {
  await using bench = await setUp();
  bench.stdin = "wrong";
  expect((await bench.trainyard("login", "--url", bench.server.url)).code).toBe(4);
  await expect(stat(join(bench.folder, "config"))).rejects.toThrow("ENOENT");
});

test.each([
  [["login"], "login needs the server's address."],
  [["login", "--url", "example.com:80"], "'example.com:80' is not the address of a server."],
])("%j is refused with a sentence", async (args, sentence) => {
  await using bench = await setUp();
  const { err, code } = await bench.trainyard(...args);
  expect(code).toBe(2);
  expect(err.split("\n")[0]).toBe(`error: ${sentence}`);
});

test("logout forgets the saved login, and has nothing to do without one", async () => {
  await using bench = await setUp();
  const file = join(bench.folder, "config", "login.json");
  await bench.trainyard("login", "--url", bench.server.url);
  expect(await bench.trainyard("logout")).toEqual({ code: 0, out: "", err: `The saved login is removed (${file}).\n` });
  await expect(stat(file)).rejects.toThrow("ENOENT");
  expect(await bench.trainyard("logout")).toEqual({ code: 0, out: "", err: `There is no saved login (${file}).\n` });
});
