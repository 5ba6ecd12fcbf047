import type { SwiftConnection } from "../../src/datastores/swift/swift-login.ts";
import { firstLine } from "../machine.ts";
import type { Downloader } from "./s3-tools.ts";

export function trainyardFromSwift(program: string, connection: SwiftConnection): Downloader {
  return {
    name: "trainyard",
    version: process.version,
    command: async ({ endpoint, bucket }, folder) => ({
      args: [process.execPath, program, endpoint, bucket, folder],
      env: { BENCH_SWIFT: JSON.stringify(connection) },
    }),
  };
}

/** The client of the project itself, with as many threads as ours has requests. */
export function swiftClient({
  userName,
  password,
  authUrl,
  region,
  domainName,
  projectId,
}: SwiftConnection): Downloader {
  return {
    name: "swift download",
    version: firstLine("swift", ["--version"]),
    command: async ({ bucket }, folder) => ({
      args: ["swift", "--quiet", "download", bucket, "--output-dir", folder, "--object-threads", "32"],
      env: {
        OS_IDENTITY_API_VERSION: "3",
        OS_AUTH_URL: authUrl,
        OS_USERNAME: userName,
        OS_PASSWORD: password,
        OS_USER_DOMAIN_NAME: domainName ?? "",
        OS_PROJECT_ID: projectId ?? "",
        OS_REGION_NAME: region ?? "",
      },
    }),
  };
}
