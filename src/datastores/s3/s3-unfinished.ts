import { AbortMultipartUploadCommand, ListMultipartUploadsCommand, type S3Client } from "@aws-sdk/client-s3";

/** The uploads in parts that were begun below a prefix and never completed. Nobody sees their parts, and their owner pays for them. */
export async function abortUploads(
  client: S3Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal,
): Promise<void> {
  const options = { abortSignal: signal };
  let position: { readonly KeyMarker?: string; readonly UploadIdMarker?: string | undefined } = {};
  for (;;) {
    // Not asked to encode the keys: Ceph then encodes them without saying so, and its markers not at all.
    const input = { Bucket: bucket, Prefix: prefix, ...position };
    const page = await client.send(new ListMultipartUploadsCommand(input), options);
    for (const { Key, UploadId } of page.Uploads ?? []) {
      // Looked at again: a store that did not understand the prefix would name everybody's.
      if (Key?.startsWith(prefix) !== true || UploadId === undefined) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), options);
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
    if (IsTruncated !== true || NextKeyMarker === undefined) return;
    const next = { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker };
    // A store that does not move on would be asked for ever.
    if (next.KeyMarker === position.KeyMarker && next.UploadIdMarker === position.UploadIdMarker) return;
    position = next;
  }
}
