import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { diskFull } from "../domain/errors.ts";
import { SMALL_DEFINITION_BYTES } from "../domain/definition-content.ts";
import { startTestServer, TOKEN, type TestServer } from "./test-server.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Content without a file name is sent as a plain form field. */
type Part = readonly [name: string, content: string | Buffer<ArrayBuffer>, filename?: string];

function form(parts: readonly Part[]): FormData {
  const data = new FormData();
  for (const [name, content, filename] of parts) {
    if (filename === undefined) data.append(name, content.toString());
    else data.append(name, new Blob([content]), filename);
  }
  return data;
}

interface Told {
  readonly status: number;
  readonly body: { readonly id: string; readonly code: string; readonly detail: string; readonly hint: string };
}

async function submit(url: string, init: RequestInit): Promise<Told> {
  const headers = { authorization: TOKEN, ...(init.headers as Record<string, string> | undefined) };
  const reply = await fetch(`${url}/api/v1/runs`, { ...init, method: "POST", headers });
  return { status: reply.status, body: (await reply.json()) as Told["body"] };
}

/** Waits for what happens on another turn of the loop, such as cleaning up after a client that went away. */
async function eventually<T>(look: () => Promise<T>, isRight: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 5_000;
  while (true) {
    const value = await look();
    if (isRight(value) || performance.now() > deadline) return value;
    await setImmediate();
  }
}

const expectNothingLeft = async (server: TestServer): Promise<void> => {
  expect(
    await eventually(
      () => server.leftovers(),
      (names) => names.length === 0,
    ),
  ).toEqual([]);
};

test.each([
  ["manifest first", ["manifest", "model_definition"]],
  ["definition first", ["model_definition", "manifest"]],
])("a multipart submission arrives byte for byte, %s", async (_order, names) => {
  await using server = await startTestServer();
  const url = await server.listen();
  const zip = randomBytes(700_000);
  const parts: Record<string, Part> = {
    manifest: ["manifest", Buffer.from("name: a\u00e9\n"), "job.yaml"],
    model_definition: ["model_definition", zip, "tf-model.zip"],
  };
  const { status, body } = await submit(url, { body: form(names.map((name) => parts[name] as Part)) });
  expect(status).toBe(201);
  const [submission] = server.runs.submissions;
  expect(submission).toMatchObject({
    zip: { kind: "file", sizeBytes: zip.length },
    sha256: createHash("sha256").update(zip).digest("hex"),
    manifestName: "job.yaml",
    idempotencyKey: null,
  });
  expect(Buffer.from(submission?.manifest ?? []).toString()).toBe("name: aé\n");
  expect((await readFile(server.runs.definitionPath(body.id))).equals(zip)).toBe(true);
  await expectNothingLeft(server);
});

test("a manifest sent as a plain form field is taken, too", async () => {
  await using server = await startTestServer();
  const { status } = await submit(await server.listen(), {
    body: form([
      ["manifest", "name: plain"],
      ["model_definition", Buffer.from("zip"), "a.zip"],
    ]),
  });
  expect(status).toBe(201);
  expect(server.runs.submissions[0]?.manifestName).toBe("manifest.yaml");
});

test("a plain ZIP with the manifest in a header is the same submission", async () => {
  await using server = await startTestServer();
  const { status, body } = await submit(await server.listen(), {
    body: "the zip",
    headers: { "content-type": "application/zip", "trainyard-manifest": base64("name: b") },
  });
  expect(status).toBe(201);
  expect(await readFile(server.runs.definitionPath(body.id), "utf8")).toBe("the zip");
});

test.each([
  [SMALL_DEFINITION_BYTES, "bytes"],
  [SMALL_DEFINITION_BYTES + 1, "file"],
])("a definition of %i bytes is handed on as %s", async (size, kind) => {
  await using server = await startTestServer();
  const zip = randomBytes(size);
  const headers = { "content-type": "application/zip", "trainyard-manifest": base64("name: b") };
  const { body } = await submit(await server.listen(), { body: zip, headers });
  expect(server.runs.submissions[0]?.zip.kind).toBe(kind);
  expect((await readFile(server.runs.definitionPath(body.id))).equals(zip)).toBe(true);
  await expectNothingLeft(server);
});

test("only the service's own account can read an upload", async () => {
  await using server = await startTestServer();
  const { body } = await submit(await server.listen(), {
    body: randomBytes(SMALL_DEFINITION_BYTES + 1),
    headers: { "content-type": "application/zip", "trainyard-manifest": base64("name: b") },
  });
  expect((await stat(server.runs.definitionPath(body.id))).mode & 0o777).toBe(0o600);
});

test("a repeated idempotency key gives the first run with 200 and keeps no second upload", async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const init = {
    body: "the zip",
    headers: { "content-type": "application/zip", "trainyard-manifest": base64("n"), "idempotency-key": "once" },
  };
  const first = await submit(url, init);
  const second = await submit(url, init);
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body.id).toBe(first.body.id);
  await expectNothingLeft(server);
});

const ZIP_PART: Part = ["model_definition", Buffer.from("zip"), "a.zip"];
const MANIFEST_PART: Part = ["manifest", Buffer.from("name: x"), "job.yaml"];

test.each<[string, Part[], string]>([
  ["no manifest", [ZIP_PART], "The request has no part 'manifest'."],
  ["no definition", [MANIFEST_PART], "The request has no part 'model_definition'."],
  ["no parts at all", [], "The request has no part 'model_definition'."],
  [
    "two definitions",
    [ZIP_PART, ZIP_PART, MANIFEST_PART],
    "The request has the part 'model_definition' more than once.",
  ],
  ["two manifests", [MANIFEST_PART, MANIFEST_PART, ZIP_PART], "The request has the part 'manifest' more than once."],
  [
    "an empty definition",
    [["model_definition", "", "a.zip"], MANIFEST_PART],
    "The model definition is empty: it has 0 bytes.",
  ],
  [
    "an unknown part",
    [["manifst", "x", "m"], ZIP_PART],
    "The request has a part 'manifst', which is not part of a submission.",
  ],
])("a multipart submission with %s is refused with a sentence and leaves nothing", async (_what, parts, detail) => {
  await using server = await startTestServer();
  const { status, body } = await submit(await server.listen(), { body: form(parts) });
  expect([status, body.code, body.detail]).toEqual([400, "request_invalid", detail]);
  expect(server.runs.submissions).toEqual([]);
  await expectNothingLeft(server);
});

test.each([
  ["without a manifest", {}, "The request has no header 'Trainyard-Manifest'."],
  [
    "with a manifest that is not base64",
    { "trainyard-manifest": "name: x" },
    "The header 'Trainyard-Manifest' is not valid base64.",
  ],
])("a plain ZIP %s is refused", async (_what, headers, detail) => {
  await using server = await startTestServer();
  const { status, body } = await submit(await server.listen(), {
    body: "zip",
    headers: { "content-type": "application/zip", ...headers },
  });
  expect([status, body.detail]).toEqual([400, detail]);
  await expectNothingLeft(server);
});

test.each([
  ["multipart", "multipart/form-data"],
  ["multipart with a boundary that never comes", "multipart/form-data; boundary=x"],
])("a broken %s body is refused and leaves nothing", async (_what, type) => {
  await using server = await startTestServer();
  const { status, body } = await submit(await server.listen(), {
    body: "--y\r\nnot a part",
    headers: { "content-type": type },
  });
  expect([status, body.code]).toEqual([400, "request_invalid"]);
  await expectNothingLeft(server);
});

test("a body that ends in the middle of a part is refused and leaves nothing", async () => {
  await using server = await startTestServer();
  const head = '--b\r\ncontent-disposition: form-data; name="model_definition"; filename="a.zip"\r\n\r\n';
  const { status, body } = await submit(await server.listen(), {
    body: `${head}half a zip`,
    headers: { "content-type": "multipart/form-data; boundary=b" },
  });
  expect([status, body.code]).toEqual([400, "request_invalid"]);
  await expectNothingLeft(server);
});

test.each(["announced", "not announced"])(
  "a ZIP over the limit, its size %s, answers 413 to a client that sends it all",
  async (how) => {
    await using server = await startTestServer({ definitionBytes: 100_000 });
    const { port } = new URL(await server.listen());
    const zip = Buffer.alloc(3_000_000);
    const request = httpRequest({
      port,
      path: "/api/v1/runs",
      method: "POST",
      headers: {
        authorization: TOKEN,
        "content-type": "application/zip",
        "trainyard-manifest": base64("m"),
        ...(how === "announced" ? { "content-length": zip.length } : { "transfer-encoding": "chunked" }),
      },
    });
    const answered = once(request, "response");
    await new Promise((resolve) => request.end(zip, resolve as () => void));
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    const { code, detail } = JSON.parse(Buffer.concat(await response.toArray()).toString());
    expect([code, detail]).toEqual([
      "archive_too_large",
      "The model definition is too large: it has more than 100 kB.",
    ]);
    await expectNothingLeft(server);
  },
);

test("a ZIP part over the limit inside a multipart body answers 413 and leaves nothing", async () => {
  await using server = await startTestServer({ definitionBytes: 100_000 });
  const { status, body } = await submit(await server.listen(), {
    body: form([["model_definition", Buffer.alloc(150_000), "a.zip"], MANIFEST_PART]),
  });
  expect([status, body.code]).toEqual([413, "archive_too_large"]);
  await expectNothingLeft(server);
});

test("a manifest over the limit answers 413 and removes the ZIP that came before it", async () => {
  await using server = await startTestServer();
  const { status, body } = await submit(await server.listen(), {
    body: form([ZIP_PART, ["manifest", Buffer.alloc(20_000, "x"), "job.yaml"]]),
  });
  expect([status, body.code, body.detail]).toEqual([
    413,
    "request_too_large",
    "The manifest is larger than the limit of 10.0 kB.",
  ]);
  await expectNothingLeft(server);
});

test("an upload whose client goes away leaves nothing, and is not our mistake", async () => {
  await using server = await startTestServer();
  const { port } = new URL(await server.listen());
  const socket = connect(Number(port), "127.0.0.1");
  await once(socket, "connect");
  socket.write(
    "POST /api/v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/zip\r\nContent-Length: 500000\r\n" +
      `Authorization: ${TOKEN}\r\nTrainyard-Manifest: ${base64("m")}\r\n\r\n${"x".repeat(300_000)}`,
  );
  expect(
    await eventually(
      () => server.leftovers(),
      (names) => names.length === 1,
    ),
  ).toHaveLength(1);
  socket.destroy();
  await expectNothingLeft(server);
  expect(server.logLines.join("")).not.toContain('"level":50');
});

test("a refusal of the service is passed on and its upload removed", async () => {
  await using server = await startTestServer();
  server.runs.nextRefusal = diskFull("the model definition");
  const { status, body } = await submit(await server.listen(), { body: form([ZIP_PART, MANIFEST_PART]) });
  expect([status, body.code]).toEqual([503, "disk_full"]);
  await expectNothingLeft(server);
});

test("a compressed body and a body of another type are refused by name", async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const gzip = await submit(url, {
    body: "zip",
    headers: { "content-type": "application/zip", "content-encoding": "gzip", "trainyard-manifest": base64("m") },
  });
  expect([gzip.status, gzip.body.code]).toEqual([415, "media_type_not_supported"]);
  const tar = await submit(url, { body: "tar", headers: { "content-type": "application/x-tar" } });
  expect([tar.status, tar.body.hint]).toEqual([415, "Send multipart/form-data or application/zip."]);
});
