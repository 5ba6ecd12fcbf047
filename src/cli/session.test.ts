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
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toContain(`The address is that of the saved login, in the file ${bench.folder}/config/login.json.\n`);
  expect(err).toMatch(/\nhint: .*\(trainyard logout\)/);
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

test("a wrong token ends with 4 and says where a token is given and found", async () => {
  await using bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  Object.assign(bench.env, { TRAINYARD_URL: bench.server.url, TRAINYARD_TOKEN: "wrong" });
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(4);
  expect(err).toMatch(
    /^error: Refused\.\nhint: .*--token-file FILE, TRAINYARD_TOKEN or 'trainyard login .* admin-token /,
  );
});

test("a home that nobody serves is named with the command that starts a server", async () => {
  await using bench = await CliBench.start();
  const { err, code } = await bench.trainyard("list", "--home", "a b");
  expect(code).toBe(6);
  expect(err).toBe(
    `error: No server runs for the home '${bench.folder}/a b'.\n` +
      `hint: Start one: trainyard serve --home '${bench.folder}/a b'\n`,
  );
});

test("the default home need not be named to start its server again after a clean stop", async () => {
  await using bench = await CliBench.start();
  bench.env["TRAINYARD_HOME"] = undefined;
  await bench.write("default-home/admin-token", bench.server.token);
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toBe(
    `error: No server runs for the home '${bench.folder}/default-home'.\nhint: Start one: trainyard serve\n`,
  );
});

test.each([
  ["whose process is gone", deadPid],
  ["whose process id another program has got", () => process.pid],
])("a server that was killed, and %s, is said to be not running", async (_, pidOf) => {
  await using bench = await CliBench.start();
  const pid = pidOf();
  await bench.leaveServerRecord(bench.server.url, pid);
  await bench.server.close();
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toBe(
    `error: The server of the home '${bench.home}' is not running; it ended unexpectedly (its last process was ${pid}).\n` +
      `hint: Start it again: trainyard serve --home ${bench.home}\n`,
  );
});

test("what listens at the port of a server that was killed is not taken for it", async () => {
  await using bench = await CliBench.start();
  await bench.leaveServerRecord(bench.server.url, deadPid());
  await bench.write("home/admin-token", "another");
  expect((await bench.trainyard("list")).err).toContain("is not running; it ended unexpectedly");
});

test("a server that lives and breaks the connection is named with its address", async () => {
  await using bench = await CliBench.start();
  bench.server.faults.push("cut", "cut");
  const { err, code } = await bench.trainyard("list");
  expect(code).toBe(6);
  expect(err).toContain(`The server at ${bench.server.url} cannot be reached (the connection broke).`);
});
