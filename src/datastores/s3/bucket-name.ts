/** How a sentence about a refused name ends. */
export const S3_BUCKET_NAME_RULE =
  "3 to 255 letters, digits, '.', '-', '_' or ':', beginning and ending with a letter or digit";

/**
 * Names of today and of before 2018 (capitals, underscores, up to 255 characters), and `tenant:bucket` as Ceph has it.
 * A name that the SDK takes for an Amazon resource name would send the request to another host.
 */
export function isS3BucketName(bucket: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._:-]{1,253}[A-Za-z0-9]$/.test(bucket) && !/^arn:/i.test(bucket);
}
