import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { ScriptedServer } from "../client/scripted-server.ts";
import { httpTransport } from "./http-transport.ts";

const TRANSPORT = new URL("http-transport.ts", import.meta.url).href;

test("a proxy of the environment is not asked for the way to this machine", async () => {
  await using server = await ScriptedServer.start();
  const program = `const { httpTransport } = await import(${JSON.stringify(TRANSPORT)});
    const response = await httpTransport()(${JSON.stringify(`${server.url}/health`)}, { method: "GET", headers: {} });
    console.log(response.status);`;
  const proxy = "http://127.0.0.1:1";
  const env = {
    ...process.env,
    NODE_USE_ENV_PROXY: "1",
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    NO_PROXY: "",
    no_proxy: "",
  };
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { env });
  const [printed] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(printed).toBe("200\n");
});

test("an upload is announced byte by byte up to its whole length", async () => {
  await using server = await ScriptedServer.start();
  const sent: number[] = [];
  const form = new FormData();
  form.set("manifest", new Blob(["m"]), "manifest.yml");
  form.set("model_definition", new Blob([Buffer.alloc(500_000)]), "model.zip");
  const headers = { authorization: `Bearer ${server.token}` };
  const transport = httpTransport((bytes) => void sent.push(bytes));
  await transport(`${server.url}/api/v1/runs`, { method: "POST", headers, body: form }).catch(() => {});
  expect(server.submissions[0]?.zip).toHaveLength(500_000);
  expect(sent.at(-1)).toBeGreaterThan(500_000);
  expect(sent).toEqual(sent.toSorted((a, b) => a - b));
});
