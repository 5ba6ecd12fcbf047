import { S3Client } from "@aws-sdk/client-s3";
import fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalQuery, escapePath, RequestSigner, type SigningKeys, type UnsignedRequest } from "./sign-request.ts";

/** The headers that the SDK's own signer makes of the same request. */
async function signedBySdk(keys: SigningKeys, request: UnsignedRequest, now: Date): Promise<Record<string, string>> {
  const { accessKeyId, secretAccessKey, region } = keys;
  const client = new S3Client({ region, credentials: { accessKeyId, secretAccessKey } });
  const signer = await client.config.signer({
    name: "sigv4",
    signingName: "s3",
    signingRegion: region,
    properties: {},
  });
  const [hostname = "", port] = request.host.split(":");
  const query = Object.fromEntries(new URLSearchParams(request.query.replaceAll("+", "%2B")));
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: "http:",
      hostname,
      ...(port === undefined ? {} : { port: Number(port) }),
      path: request.path,
      query,
      headers: { host: request.host },
    },
    { signingDate: now },
  );
  client.destroy();
  return signed.headers;
}

const keys: SigningKeys = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCY",
  region: "eu-x",
};

test("every key and query is signed as the SDK signs it", async () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.stringMatching(/^[ !'()*+,;:@&=$#?%~./\\-]{0,12}$/),
  );
  await fc.assert(
    fc.asyncProperty(text, text, fc.constantFrom("GET", "HEAD"), async (key, prefix, method) => {
      const now = new Date(Date.UTC(2026, 10, 26, 5, 6, 7, 89));
      const path = escapePath("bucket", key);
      const query = canonicalQuery({ prefix, "list-type": "2", "encoding-type": "url" });
      const request = { method, host: "store.example.org:9000", path, query } as const;
      const theirs = await signedBySdk(keys, request, now);
      const ours = new RequestSigner(keys).sign(request, now);
      expect(ours).toEqual({
        authorization: theirs["authorization"],
        "x-amz-date": theirs["x-amz-date"],
        "x-amz-content-sha256": theirs["x-amz-content-sha256"],
      });
    }),
    { numRuns: 200 },
  );
});

test("a new day has a new key", () => {
  const signer = new RequestSigner(keys);
  const request = { method: "GET", host: "h", path: "/b/k", query: "" } as const;
  const days = ["2026-11-26T23:59:59Z", "2026-11-27T00:00:00Z"].map((at) => new Date(at));
  const signatures = days.map((day) => signer.sign(request, day)["authorization"]);
  const fresh = days.map((day) => new RequestSigner(keys).sign(request, day)["authorization"]);
  expect(signatures).toEqual(fresh);
});
