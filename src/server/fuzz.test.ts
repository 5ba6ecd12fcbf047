import * as fc from "fast-check";
import { expect, test } from "vitest";
import { routes, type RouteContract } from "../contract/routes.ts";
import { startTestServer, TOKEN } from "./test-server.ts";

const contracts: RouteContract[] = Object.values(routes);

const oddText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "\0",
    "__proto__",
    "constructor",
    "1e999",
    "-0",
    "NaN",
    "٣",
  ),
);
/** What may stand in a header line at all; the rest never becomes a request. */
const headerText = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCodePoint(code)) });

const path = fc.oneof(
  fc
    .constantFrom(...contracts)
    .chain((contract) =>
      oddText.map((value) => contract.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(value.toWellFormed()))),
    ),
  oddText.map((value) => `/${encodeURIComponent(value.toWellFormed())}`),
  fc.constantFrom("/%", "/%zz", "//", "/api/v1/runs/", "/api/v1/runs/%00", "/api/v1/runs/%ff/log", "/api/v1//runs"),
);

const parameterNames = contracts.flatMap((contract) => Object.keys(contract.query?.shape ?? {}));
const query = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom(...parameterNames), oddText), oddText), { maxLength: 4 })
  // A long wait is right, and no concern of this test.
  .map((pairs) => pairs.filter(([name]) => name !== "waitSeconds"))
  .map((pairs) => pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&"));

const encode = (text: string): string => encodeURIComponent(text.toWellFormed());

const headers = fc.record(
  {
    authorization: fc.oneof({ weight: 5, arbitrary: fc.constant(TOKEN) }, headerText),
    "content-type": fc.oneof(
      fc.constantFrom("application/json", "application/zip", "multipart/form-data", "multipart/form-data; boundary=b"),
      headerText,
    ),
    "content-encoding": fc.constantFrom("gzip", "identity", "x"),
    "trainyard-manifest": fc.oneof(fc.base64String(), headerText),
    "idempotency-key": headerText,
    range: fc.oneof(
      headerText,
      fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    ),
    "accept-version": headerText,
  },
  { requiredKeys: [] },
);

const body = fc.oneof(
  fc.constant(undefined),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  headerText.map((name) => Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\nx\r\n--b--\r\n`)),
);

test("whatever is sent, the answer is no mistake of ours and tells nothing about the inside", async () => {
  await using server = await startTestServer();
  const { id } = await server.addRun();
  server.runs.write(id, "a log\n");
  const request = fc.record({
    method: fc.constantFrom("GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS"),
    path: fc.oneof(path, fc.constantFrom(`/api/v1/runs/${id}/log`, `/api/v1/runs/${id}/stop`, `/api/v1/runs/${id}`)),
    query,
    headers,
    body,
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path, query, headers, body }) => {
      const reply = await server.app.inject({
        method: method as "GET",
        url: query === "" ? path : `${path}?${query}`,
        headers,
        ...(body === undefined ? {} : { payload: body }),
      });
      expect(reply.statusCode).toBeLessThan(500);
      expect(reply.body).not.toMatch(/\n\s+at |node_modules|\.ts:|\/src\/|trainyard-server-/);
      if (reply.statusCode >= 400 && method !== "HEAD") {
        expect(reply.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
        expect(reply.json()).toMatchObject({ status: reply.statusCode, hint: expect.any(String) });
      }
    }),
    { numRuns: 1_000 },
  );
  const leftovers = await server.leftovers();
  expect(leftovers).toEqual([]);
}, 60_000);
