import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { S3Client } from "@aws-sdk/client-s3";
import { announce } from "../../base/world.ts";
import type { EndpointGuard } from "../address-guard.ts";
import type { S3Connection, TimeLimits } from "./s3-connection.ts";

const MAX_SOCKETS = 64;

/** The SDK would write to the console; whatever matters reaches us as an error. */
const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * A client that does only what it is told: no retries, no redirects, nothing from the environment or from
 * configuration files of this machine, no checksums that old servers do not know, and only addresses that are allowed.
 */
export function createS3Client(connection: S3Connection, guard: EndpointGuard, limits: TimeLimits): S3Client {
  const endpoint = guard.checkEndpoint(connection.endpointUrl);
  const agentOptions = { keepAlive: true, maxSockets: MAX_SOCKETS, lookup: guard.lookup };
  const client = new S3Client({
    endpoint: endpoint.href,
    region: connection.region ?? "us-east-1",
    credentials: { accessKeyId: connection.accessKeyId, secretAccessKey: connection.secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard",
    followRegionRedirects: false,
    // Old servers never answer "100 Continue", and each large put would wait for it.
    expectContinueHeader: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useArnRegion: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    userAgentAppId: "trainyard",
    logger: SILENT,
    authSchemePreference: [],
    sigv4aSigningRegionSet: [],
    requestHandler: {
      connectionTimeout: limits.connectMs,
      socketTimeout: limits.silenceMs,
      httpAgent: new HttpAgent(agentOptions),
      httpsAgent: new HttpsAgent(agentOptions),
    },
  });
  client.middlewareStack.add(
    (next, { commandName = "request" }) =>
      async (args) => {
        announce("request", `${commandName} ${endpoint.host}`);
        return next(args);
      },
    { step: "finalizeRequest", name: "announceRequest" },
  );
  return client;
}
