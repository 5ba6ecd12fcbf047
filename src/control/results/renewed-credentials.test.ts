import { expect, test } from "vitest";
import { pendingRun } from "../../../test/fixtures/pending-run.ts";
import { readManifest } from "../../manifest/read-manifest.ts";
import { credentialsFor } from "./renewed-credentials.ts";

function manifest(key: string, bucket = "models", endpoint = "https://s3.example.org"): string {
  return `
model_definition:
  name: tf-mnist
  framework: {name: shell, version: any}
  execution: {command: "true", resource: small}
training_results_reference:
  name: results
  connection: {endpoint_url: "${endpoint}", access_key_id: ${key}, secret_access_key: secret-of-${key}}
  target: {bucket: ${bucket}, type: s3}
`;
}

function runOf(text: string) {
  const { spec } = readManifest(Buffer.from(text), "job.yaml");
  if (spec === null) throw new Error("The manifest of the test is refused.");
  return pendingRun({ spec });
}

test("a manifest with the same bucket at the same place brings its credentials", () => {
  const renewed = credentialsFor(runOf(manifest("OLD")), manifest("NEW"));
  expect(renewed).toEqual({ type: "s3", accessKeyId: "NEW", secretAccessKey: "secret-of-NEW" });
});

test.each([
  ["another bucket", manifest("NEW", "others")],
  ["another place", manifest("NEW", "models", "https://s3.elsewhere.example")],
])("credentials for %s are refused", (_, other) => {
  expect(() => credentialsFor(runOf(manifest("OLD")), other)).toThrow(
    expect.objectContaining({ code: "request_invalid", message: expect.stringContaining("bucket 'models'") }),
  );
});

test("what is no manifest is refused with its problems", () => {
  expect(() => credentialsFor(runOf(manifest("OLD")), "name: [")).toThrow(
    expect.objectContaining({ code: "manifest_invalid" }),
  );
});
