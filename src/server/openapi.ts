import { STATUS_CODES } from "node:http";
import swagger from "@fastify/swagger";
import fastify from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject, serializerCompiler } from "fastify-type-provider-zod";
import {
  LOG_COMPLETE_HEADER,
  LOG_SIZE_HEADER,
  RUN_ATTEMPT_HEADER,
  routes,
  type RouteContract,
} from "../contract/routes.ts";
import { registerAll } from "./app.ts";
import { tidyDocument, type Json, type JsonObject } from "./openapi-tidy.ts";
import type { RouteHandlers } from "./register-route.ts";
import { compileValidator } from "./validation.ts";

/** The OpenAPI 3.1 document of the contract, made from the very registration that the server uses. */
export async function describeApi(version: string): Promise<JsonObject> {
  const app = fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.1",
      info: {
        title: "Trainyard",
        version,
        description: "A self-hosted training service: a ZIP and a manifest become a trained model in your bucket.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  registerAll(
    app,
    neverCalled(),
    () => Promise.reject(new Error("nobody calls")),
    () => undefined,
  );
  await app.ready();
  const document = JSON.parse(JSON.stringify(app.swagger())) as JsonObject;
  await app.close();
  const contracts: RouteContract[] = Object.values(routes);
  for (const contract of contracts) describeBodies(document, contract);
  return tidyDocument(document, contracts);
}

function neverCalled(): RouteHandlers {
  const handler = (): Promise<never> => Promise.reject(new Error("nobody calls"));
  return Object.fromEntries(Object.keys(routes).map((name) => [name, handler])) as unknown as RouteHandlers;
}

/** Adds what no schema says: bodies that are bytes. */
function describeBodies(document: JsonObject, contract: RouteContract): void {
  const paths = document["paths"] as Record<string, Record<string, JsonObject>>;
  const operation = paths[contract.path]?.[contract.method.toLowerCase()];
  if (operation === undefined) throw new Error(`The document misses ${contract.method} ${contract.path}.`);
  if (contract.body === "submission") operation["requestBody"] = SUBMISSION_BODY;
  if (contract.body === "json") {
    const isRequired = contract.json?.safeParse(undefined).success === false;
    operation["requestBody"] = { ...(operation["requestBody"] as JsonObject), required: isRequired };
  }
  const responses = operation["responses"] as JsonObject;
  for (const [status, schema] of Object.entries(contract.answers)) {
    if (schema === null) responses[status] = status === "204" ? { description: "No Content" } : logAnswer(status);
  }
}

const SUBMISSION_BODY: Json = {
  required: true,
  content: {
    "multipart/form-data": {
      schema: {
        type: "object",
        required: ["manifest", "model_definition"],
        properties: {
          manifest: { type: "string", contentMediaType: "application/yaml", description: "YAML or JSON." },
          model_definition: {
            type: "string",
            contentMediaType: "application/zip",
            description: "The ZIP with the code.",
          },
        },
      },
      encoding: {
        manifest: { contentType: "application/yaml, application/json, text/plain" },
        model_definition: { contentType: "application/zip, application/octet-stream" },
      },
    },
    "application/zip": { schema: { contentMediaType: "application/zip" } },
  },
};

function logAnswer(status: string): Json {
  return {
    description: STATUS_CODES[status] ?? "",
    headers: {
      [LOG_SIZE_HEADER]: { description: "Bytes in the log now.", schema: { type: "integer" } },
      [RUN_ATTEMPT_HEADER]: { description: "The attempt that the run is at.", schema: { type: "integer" } },
      [LOG_COMPLETE_HEADER]: { description: "Whether no byte will follow.", schema: { type: "boolean" } },
    },
    content: { "text/plain": { schema: { type: "string" } } },
  };
}
