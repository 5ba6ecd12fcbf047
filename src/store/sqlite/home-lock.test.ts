import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acquireHomeLock } from "./home-lock.ts";

const HOLDER = `
  import { acquireHomeLock } from ${JSON.stringify(import.meta.resolve("./home-lock.ts"))};
  await acquireHomeLock(process.argv[1]);
  console.log("held");
  setInterval(() => {}, 60_000);
`;

async function makeHome() {
  const home = await mkdtemp(join(tmpdir(), "trainyard-lock-"));
  return { home, [Symbol.asyncDispose]: () => rm(home, { recursive: true }) };
}

/** Another process that holds the home until it is killed. */
async function startHolder(home: string) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", HOLDER, home], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  const kill = async () => {
    if (child.signalCode === null && child.kill("SIGKILL")) await once(child, "exit");
  };
  return { pid: child.pid, kill, [Symbol.asyncDispose]: kill };
}

test("a second server is told that the home is in use, by whom and what to do", async () => {
  await using bundle = await makeHome();
  await using holder = await startHolder(bundle.home);
  await expect(acquireHomeLock(bundle.home)).rejects.toMatchObject({
    code: "home_in_use",
    message: expect.stringContaining("it is just starting"),
  });
  const facts = { pid: holder.pid, url: "http://127.0.0.1:7878" };
  await writeFile(join(bundle.home, "server.json"), JSON.stringify(facts));
  await expect(acquireHomeLock(bundle.home)).rejects.toMatchObject({
    code: "home_in_use",
    message: `Another server uses the home '${bundle.home}' (process ${holder.pid} at http://127.0.0.1:7878).`,
    hint: expect.stringContaining("--home"),
  });
});

test("a server that was killed with -9 leaves no lock behind", async () => {
  await using bundle = await makeHome();
  for (let round = 0; round < 2; round += 1) {
    await using holder = await startHolder(bundle.home);
    await expect(acquireHomeLock(bundle.home)).rejects.toMatchObject({ code: "home_in_use" });
    await holder.kill();
    const lock = await acquireHomeLock(bundle.home);
    lock.release();
  }
});

test("a server.json that is only half written does not hide that the home is in use", async () => {
  await using bundle = await makeHome();
  await using _holder = await startHolder(bundle.home);
  await writeFile(join(bundle.home, "server.json"), '{"pid": 12');
  await expect(acquireHomeLock(bundle.home)).rejects.toMatchObject({ code: "home_in_use" });
});

test("a refused try in the holder's own process does not loosen its lock", async () => {
  await using bundle = await makeHome();
  using _lock = await acquireHomeLock(bundle.home);
  await expect(acquireHomeLock(bundle.home)).rejects.toMatchObject({ code: "home_in_use" });
  const rival = spawn(process.execPath, ["--input-type=module", "-e", HOLDER, bundle.home], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  // It either prints that it holds the home, or ends.
  const [words] = (await Promise.race([once(rival.stdout, "data"), once(rival, "exit")])) as [unknown];
  rival.kill("SIGKILL");
  expect(words).toBe(1);
});

test("a released home can be taken again, and releasing twice does no harm", async () => {
  await using bundle = await makeHome();
  const first = await acquireHomeLock(bundle.home);
  first.release();
  first.release();
  using second = await acquireHomeLock(bundle.home);
  expect(second).toBeDefined();
});

test("a home that is not there is made for this user alone", async () => {
  await using bundle = await makeHome();
  const home = join(bundle.home, "deep", "home");
  using _lock = await acquireHomeLock(home);
  expect((await stat(home)).mode & 0o777).toBe(0o700);
  expect((await stat(join(home, "server.lock"))).mode & 0o777).toBe(0o600);
});
