import { EventEmitter, once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { Problem } from "../contract/problem.ts";
import { routes, type RouteContract } from "../contract/routes.ts";
import { startTestServer, TOKEN } from "./test-server.ts";

const contracts: RouteContract[] = Object.values(routes);
const concrete = (path: string): string => path.replaceAll(/\{\w+\}/g, "training-000000000");

test.each(contracts)("$operationId asks for a token exactly when the contract says so", async (contract) => {
  await using server = await startTestServer();
  const url = concrete(contract.path);
  for (const authorization of [undefined, "Bearer wrong", "Basic dGVzdC10b2tlbg=="]) {
    const headers = authorization === undefined ? {} : { authorization };
    const reply = await server.app.inject({ method: contract.method, url, headers });
    if (contract.access === "open") {
      expect(reply.statusCode).toBe(200);
      continue;
    }
    expect(reply.statusCode).toBe(401);
    expect(reply.headers["www-authenticate"]).toMatch(/^Bearer/);
    expect(Problem.parse(reply.json()).code).toBe("not_authenticated");
  }
});

test("a wrong token is refused before a byte of the body is looked at", async () => {
  await using server = await startTestServer();
  const reply = await server.app.inject({
    method: "POST",
    url: "/api/v1/runs",
    headers: { "content-type": "text/nonsense" },
    payload: "x",
  });
  expect(reply.statusCode).toBe(401);
});

test("the server's own figures are told as Prometheus reads them, to who has a token", async () => {
  await using server = await startTestServer();
  await server.app.inject({ method: "GET", url: "/health" });
  const { statusCode, headers, body } = await server.app.inject({
    method: "GET",
    url: "/metrics",
    headers: { authorization: TOKEN },
  });
  expect([statusCode, headers["content-type"]]).toEqual([200, expect.stringMatching(/^text\/plain; version=0\.0\.4/)]);
  for (const line of [
    'trainyard_runs_total{state="running"} 2',
    "trainyard_queue_length 1",
    'trainyard_devices{kind="cpu_slot",use="held"} 2',
    "trainyard_cache_bytes 8192",
    'trainyard_cache_objects_total{result="hit"} 3',
    "trainyard_metric_points_total 7",
    'trainyard_http_request_duration_seconds_count{route="/health",method="GET",status="200"} 1',
  ]) {
    expect(body).toContain(`${line}\n`);
  }
  expect(body).toContain("trainyard_nodejs_eventloop_lag_seconds");
  expect((await server.app.inject({ method: "GET", url: "/metrics" })).statusCode).toBe(401);
});

test("a program's token reports metrics of its own run, and is good for nothing else", async () => {
  await using server = await startTestServer();
  const run = await server.addRun();
  const authorization = `Bearer program of ${run.id}`;
  const report = async (id: string, payload: object, token = authorization) =>
    (
      await server.app.inject({
        method: "POST",
        url: `/api/v1/runs/${id}/metrics`,
        headers: { authorization: token },
        payload,
      })
    ).statusCode;
  expect(await report(run.id, { step: 1, values: { loss: 0.5, odd: "NaN" } })).toBe(204);
  expect(await report(run.id, [{ values: { loss: 0.5 } }])).toBe(204);
  expect(await report(run.id, { values: { loss: "much" } })).toBe(400);
  expect(await report("training-000000000", { values: {} })).toBe(401);
  expect(await report(run.id, { values: {} }, TOKEN)).toBe(401);
  const other = await server.app.inject({ method: "GET", url: `/api/v1/runs/${run.id}`, headers: { authorization } });
  expect(other.statusCode).toBe(401);
});

test.each(contracts.filter(({ path, access }) => path.includes("/runs/{id}") && access === "token"))(
  "$operationId of an unknown run answers run_not_found",
  async (contract) => {
    await using server = await startTestServer();
    const reply = await server.app.inject({
      method: contract.method,
      // Which cannot do without its query.
      url: concrete(contract.path) + (contract.operationId === "searchLog" ? "?q=x" : ""),
      headers: { authorization: TOKEN },
    });
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toMatchObject({ code: "run_not_found", detail: "No run has the id 'training-000000000'." });
  },
);

test("an unknown path answers route_not_found and keeps the query to itself", async () => {
  await using server = await startTestServer();
  const reply = await server.app.inject({ url: "/api/v2/runs?token=canary" });
  expect(reply.statusCode).toBe(404);
  expect(reply.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  expect(reply.json()).toMatchObject({ code: "route_not_found", detail: "There is no GET /api/v2/runs." });
  expect(reply.body + server.logLines.join("")).not.toContain("canary");
});

test("a mistyped query parameter is refused with the one that was meant", async () => {
  await using server = await startTestServer();
  const reply = await server.app.inject({ url: "/api/v1/runs?limti=3", headers: { authorization: TOKEN } });
  expect(reply.statusCode).toBe(400);
  expect(reply.json()).toMatchObject({
    code: "request_invalid",
    detail: "There is no query parameter 'limti'.",
    hint: "Did you mean 'limit'?",
  });
});

test("a value that does not fit is named with its parameter", async () => {
  await using server = await startTestServer();
  const reply = await server.app.inject({ url: "/api/v1/runs?limit=5000", headers: { authorization: TOKEN } });
  expect(reply.statusCode).toBe(400);
  expect(reply.json().detail).toContain("The query parameter 'limit' with the value '5000' is not valid");
});

test("a JSON body over 64 kB, of another type, or broken is refused with its own sentence", async () => {
  await using server = await startTestServer();
  const url = "/api/v1/runs/training-000000000/stop";
  const post = (payload: string, type: string) =>
    server.app.inject({ method: "POST", url, payload, headers: { authorization: TOKEN, "content-type": type } });
  const large = await post(JSON.stringify({ graceSeconds: 1, padding: "x".repeat(70_000) }), "application/json");
  expect([large.statusCode, large.json().code]).toEqual([413, "request_too_large"]);
  const xml = await post("<stop/>", "application/xml");
  expect([xml.statusCode, xml.json().code]).toEqual([415, "media_type_not_supported"]);
  const broken = await post('{"graceSeconds":', "application/json");
  expect([broken.statusCode, broken.json().code]).toEqual([400, "request_invalid"]);
  const unknown = await post('{"graceSecond": 3}', "application/json");
  expect(unknown.json().detail).toContain("'graceSecond'");
});

test("a mistake of ours answers 500 with a request id and nothing else, and is logged with its stack", async () => {
  await using server = await startTestServer();
  server.runs.list = async () => {
    throw new Error("secret detail at /home/secret/path.ts");
  };
  const reply = await server.app.inject({ url: "/api/v1/runs", headers: { authorization: TOKEN } });
  expect(reply.statusCode).toBe(500);
  expect(reply.json().code).toBe("internal_error");
  expect(reply.body).not.toContain("secret");
  const requestId = /request ([\w-]+)/.exec(reply.json().detail)?.[1];
  const logged = server.logLines.map((line) => JSON.parse(line)).find((line) => line.err !== undefined);
  expect(logged).toMatchObject({ requestId, err: { message: "secret detail at /home/secret/path.ts" } });
  expect(logged.err.stack).toContain("app.test.ts");
});

test("no answer names its software or lets another site read it, and none is kept", async () => {
  await using server = await startTestServer();
  for (const url of ["/health", "/api/v1/runs", "/nowhere"]) {
    const reply = await server.app.inject({ url, headers: { authorization: TOKEN, origin: "https://evil.example" } });
    expect(Object.keys(reply.headers)).not.toEqual(expect.arrayContaining(["server"]));
    expect(Object.keys(reply.headers).filter((name) => /^(x-powered-by|access-control)/.test(name))).toEqual([]);
    expect(reply.headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
  }
});

test("neither token nor manifest nor query gets into the log, at any level", async () => {
  await using server = await startTestServer();
  await server.app.inject({
    method: "POST",
    url: "/api/v1/runs?password=canary-query",
    headers: {
      authorization: "Bearer canary-token",
      "content-type": "application/zip",
      "trainyard-manifest": Buffer.from("canary-manifest").toString("base64"),
    },
    payload: "zip",
  });
  await server.app.inject({
    method: "POST",
    url: "/api/v1/runs",
    headers: {
      authorization: TOKEN,
      "content-type": "application/zip",
      "trainyard-manifest": Buffer.from("canary-manifest").toString("base64"),
    },
    payload: "zip",
  });
  expect(server.runs.submissions).toHaveLength(1);
  expect(server.logLines.length).toBeGreaterThan(1);
  expect(server.logLines.join("")).not.toMatch(/canary|test-token|Y2FuYXJ5/);
});

test("what is not HTTP is answered with a problem and cut", async () => {
  await using server = await startTestServer();
  const { port } = new URL(await server.listen());
  const answerTo = async (request: string): Promise<string> => {
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(request);
    return text(socket);
  };
  expect(await answerTo("NONSENSE\r\n\r\n")).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\n[^]*application\/problem\+json[^]*"status":400/,
  );
  const fat = `GET /health HTTP/1.1\r\nHost: x\r\nX-Fat: ${"x".repeat(70_000)}\r\n\r\n`;
  expect(await answerTo(fat)).toMatch(/^HTTP\/1\.1 431 [^]*"code":"request_too_large"/);
});

test("work that is cut off because the server closes answers 503 and when to come again", async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const { id } = await server.addRun();
  const begun = Promise.withResolvers<void>();
  server.runs.results = async (_id, signal) => {
    begun.resolve();
    await once(new EventEmitter(), "never", { signal });
    throw new Error("cannot be");
  };
  const reply = fetch(`${url}/api/v1/runs/${id}/results`, { headers: { authorization: TOKEN } });
  await begun.promise;
  await server.app.close();
  const { status, headers } = await reply;
  expect([status, headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await (await reply).json()).toMatchObject({ code: "shutting_down" });
});

test("a server that closes ends its waits at once", { timeout: 4_000 }, async () => {
  await using server = await startTestServer();
  const url = await server.listen();
  const run = await server.addRun();
  const waiting = fetch(`${url}/api/v1/runs/${run.id}?afterVersion=1&waitSeconds=60`, {
    headers: { authorization: TOKEN },
  });
  await server.runs.nextWait(run.id);
  await server.app.close();
  const reply = await waiting;
  expect([reply.status, await reply.json()]).toEqual([200, expect.objectContaining({ version: 1 })]);
});
