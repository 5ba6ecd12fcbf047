import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { indexSettings, withoutPasswords } from "./index-settings.ts";

/** A home with a pip configuration, and nothing of this machine's own. */
async function setup(pipConf: string) {
  const home = await mkdtemp(join(tmpdir(), "trainyard-pip-"));
  await mkdir(join(home, "wheels"));
  await mkdir(join(home, ".config/pip"), { recursive: true });
  await writeFile(join(home, ".config/pip/pip.conf"), pipConf.replaceAll("HOME", home));
  const env = { HOME: home, XDG_CONFIG_DIRS: home };
  return { home, env, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) };
}

test("what pip is configured for, uv gets too", async () => {
  await using bundle = await setup(`
[global]
index-url = https://ann:secret@index.example/simple
extra_index_url = https://more.example/simple
    https://most.example/simple
find-links = HOME/wheels HOME/nowhere https://links.example/
trusted-host: more.example
; cert = /wrong
[freeze]
index-url = https://wrong.example
`);
  expect(await indexSettings(bundle.env)).toMatchObject({
    UV_DEFAULT_INDEX: "https://ann:secret@index.example/simple",
    UV_INDEX: "https://more.example/simple https://most.example/simple",
    UV_FIND_LINKS: `${bundle.home}/wheels,https://links.example/`,
    UV_INSECURE_HOST: "more.example",
  });
});

test("a variable wins over pip's file, and what is set for uv over pip's", async () => {
  await using bundle = await setup("[global]\nindex-url = https://file.example\n");
  const pip = { ...bundle.env, PIP_INDEX_URL: "https://variable.example" };
  expect(await indexSettings(pip)).toMatchObject({ UV_DEFAULT_INDEX: "https://variable.example" });
  const settings = await indexSettings({ ...pip, UV_INDEX_URL: "https://uv.example" });
  expect(settings).toMatchObject({ UV_INDEX_URL: "https://uv.example" });
  expect(settings).not.toHaveProperty("UV_DEFAULT_INDEX");
});

test("proxies, certificates and the tools' own variables come through; the server's secrets and what would bend a build do not", async () => {
  await using bundle = await setup("");
  const passed = {
    HTTPS_PROXY: "http://proxy.example",
    no_proxy: "a",
    SSL_CERT_FILE: "/ca",
    PIP_CERT: "/ca",
    UV_CACHE_DIR: "/c",
  };
  const kept = {
    TRAINYARD_TOKEN: "canary",
    AWS_SECRET_ACCESS_KEY: "canary",
    PYTHONPATH: "/canary",
    UV_PYTHON: "canary",
    PIP_TARGET: "canary",
    UV_PROJECT_ENVIRONMENT: "canary",
  };
  const settings = await indexSettings({ ...bundle.env, ...passed, ...kept });
  expect(settings).toMatchObject(passed);
  expect(JSON.stringify(settings)).not.toContain("canary");
});

test("passwords in addresses are left out of what is shown", () => {
  const line = "error: Failed to fetch `https://ann:secret@index.example/simple/six/` from //bob@x";
  expect(withoutPasswords(line)).toBe("error: Failed to fetch `https://***@index.example/simple/six/` from //***@x");
});
