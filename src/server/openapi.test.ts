import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { routes, type RouteContract } from "../contract/routes.ts";
import { describeApi } from "./openapi.ts";

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, unknown>;
  readonly security?: unknown;
}

interface Document {
  readonly info: { readonly version: string };
  readonly paths: Record<string, Record<string, Operation>>;
}

async function readCommitted(): Promise<Document> {
  return JSON.parse(await readFile(new URL("../../openapi.json", import.meta.url), "utf8"));
}

test("openapi.json is what the contract generates (if not: npm run openapi, then review the change)", async () => {
  const committed = await readCommitted();
  expect(committed).toEqual(await describeApi(committed.info.version));
});

test("every route of the contract is in openapi.json, and nothing else", async () => {
  const { paths } = await readCommitted();
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { operationId }]) => `${operationId}: ${method} ${path}`),
  );
  const promised = Object.values(routes).map(
    (route) => `${route.operationId}: ${route.method.toLowerCase()} ${route.path}`,
  );
  expect(described.toSorted()).toEqual(promised.toSorted());
});

test("every status of the contract is described, and a token is asked for where the contract does", async () => {
  const { paths } = await readCommitted();
  for (const contract of Object.values(routes) as RouteContract[]) {
    const operation = paths[contract.path]?.[contract.method.toLowerCase()];
    expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(Object.keys(contract.answers)));
    expect(operation?.security).toEqual(contract.access === "open" ? undefined : [{ token: [] }]);
  }
});

test("the document has no twin schemas, no zod expressions and no bounds of all integers", async () => {
  const text = JSON.stringify(await readCommitted());
  expect(text).not.toMatch(/Input"|9007199254740991|\\\\d\{4\}/);
});
