import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { Radosgw } from "./radosgw.ts";

/** Speaks to the S3 server as its first user, past our own code. */
export function connectS3(server: Radosgw): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

export async function makeBuckets(client: S3Client, ...names: readonly string[]): Promise<void> {
  for (const Bucket of names) await client.send(new CreateBucketCommand({ Bucket }));
}
