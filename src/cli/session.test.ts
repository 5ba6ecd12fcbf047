import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { ScriptedServer } from "../client/scripted-server.ts";
import { CliBench } from "./cli-bench.ts";

/** A process id that was given out and is free again. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

test("the flags win over the environment", async () => {
  await using bench = await CliBench.start();
  Object.assign(bench.env, { TRAINYARD_HOME: "/nowhere", TRAINYARD_URL: "http://127.0.0.1:1", TRAINYARD_TOKEN: "x" });
  expect((await bench.trainyard("list", "--home", "home")).code).toBe(0);
  await bench.write("token", bench.server.token);
  expect((await bench.trainyard("--url", bench.server.url, "--token-file", "token", "list")).code).toBe(0);
});

test("TRAINYARD_HOME wins over TRAINYARD_URL, which wins over the saved login", async () => {
  await using bench = await CliBench.start();
  Object.assign(bench.env, { TRAINYARD_URL: "http://127.0.0.1:1", TRAINYARD_TOKEN: "x" });
  expect((await bench.trainyard("list")).code).toBe(0);
  await bench.write("config/login.json", JSON.stringify({ url: "http://127.0.0.1:1", token: "x" }));
  Object.assign(bench.env, {
    TRAINYARD_HOME: "",
    TRAINYARD_URL: bench.server.url,
    TRAINYARD_TOKEN: bench.server.token,
  });
  expect((await bench.trainyard("list")).code).toBe(0);
});

test("the saved login wins over the default home, which serves when nothing else is said", async () => {
  await using bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  await bench.write("default-home/server.json", JSON.stringify({ url: bench.server.url, pid: process.pid }));
  await bench.write("default-home/admin-token", bench.server.token);
  expect((await bench.trainyard("list")).code).toBe(0);
  const gone = await ScriptedServer.start();
  await gone.close();
  await bench.write("config/login.json", JSON.stringify({ url: gone.url, token: "x" }));
  expect((await bench.trainyard("list")).code).toBe(6);
});

test("no server known says where one was looked for", async () => {
  await using bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toMatch(/^error: No server is known here: .*\nhint: Start one on this machine \(trainyard serve\), or/);
});

test("an address without a token is refused before anything is sent", async () => {
  await using bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  bench.env["TRAINYARD_URL"] = bench.server.url;
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(4);
  expect(err).toContain(`There is no token for the server at ${bench.server.url}.`);
});

test("a wrong token ends with 4 and the server's hint", async () => {
  await using bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  Object.assign(bench.env, { TRAINYARD_URL: bench.server.url, TRAINYARD_TOKEN: "wrong" });
  expect(await bench.trainyard("list")).toEqual({ code: 4, out: "", err: "error: Refused.\nhint: Do better.\n" });
});

test("a server that nobody started in a home is named with the command that starts it", async () => {
  await using bench = await CliBench.start();
  const { err, code } = await bench.trainyard("list", "--home", "elsewhere");
  expect(code).toBe(6);
  expect(err).toContain(`The server of the home '${bench.folder}/elsewhere' is not running: it has no server.json.`);
  expect(err).toContain(`hint: Start it: trainyard serve --home ${bench.folder}/elsewhere\n`);
});

test("a server whose process has ended is said to be not running", async () => {
  await using bench = await CliBench.start();
  const pid = deadPid();
  await bench.leaveServerRecord(bench.server.url, pid);
  await bench.server.close();
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toContain(`is not running: its process ${pid} has ended.`);
});

test("a server that lives and does not answer is named with its address", async () => {
  await using bench = await CliBench.start();
  await bench.server.close();
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toContain(`The server at ${bench.server.url} cannot be reached (nothing listens there).`);
});
