import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { scriptedRun } from "../client/scripted-run.ts";
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

function submission(sizeBytes: number): FormData {
  const form = new FormData();
  form.set("manifest", new Blob(["name: ü\r\n"], { type: "application/yaml" }), "manifest.yml");
  form.set("model_definition", new Blob([Buffer.alloc(sizeBytes, 13)]), 'mo"del.zip');
  return form;
}

test("an upload arrives byte for byte and is announced up to its whole length", async () => {
  await using server = await ScriptedServer.start();
  server.nextRun = scriptedRun({ id: "training-000000001" });
  const sent: number[] = [];
  const transport = httpTransport((bytes) => void sent.push(bytes));
  const headers = { authorization: `Bearer ${server.token}` };
  const body = submission(500_000);
  const response = await transport(`${server.url}/api/v1/runs`, { method: "POST", headers, body });
  expect(response.status).toBe(201);
  expect(server.submissions).toEqual([{ manifest: "name: ü\r\n", zip: Buffer.alloc(500_000, 13), key: null }]);
  expect(sent.at(-1)).toBe(500_000 + "name: ü\r\n".length + 1);
  expect(sent).toEqual(sent.toSorted((a, b) => a - b));
});

test("a refusal that comes before the upload is over is what counts", async () => {
  await using server = await ScriptedServer.start();
  const response = await httpTransport()(`${server.url}/api/v1/runs`, {
    method: "POST",
    headers: { authorization: "Bearer wrong" },
    body: submission(20_000_000),
  });
  expect(response.status).toBe(401);
  expect(JSON.parse(await response.text())).toMatchObject({ code: "not_authenticated" });
});

test("an upload whose connection is cut rejects and leaves nothing behind", async () => {
  await using server = await ScriptedServer.start();
  server.faults.push("cut");
  const body = submission(20_000_000);
  const sending = httpTransport()(`${server.url}/api/v1/runs`, { method: "POST", headers: {}, body });
  await expect(sending).rejects.toThrow();
});
