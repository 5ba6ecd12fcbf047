import type { StoreType } from "./connection-fields.ts";
import type { Findings } from "./findings.ts";
import { MANIFEST_LIMITS } from "./limits.ts";
import type { Place } from "./place.ts";
import { isPlaceholder } from "./placeholder.ts";
import { readText } from "./text-value.ts";

/** The bucket's name at `place`, or null when it is absent or was reported. */
export function readBucketName(place: Place | undefined, type: StoreType, findings: Findings): string | null {
  const text = readText(place, { maxLength: MANIFEST_LIMITS.bucketBytes }, findings);
  if (place === undefined || text === null) return null;
  if (isPlaceholder(text)) {
    if (findings.forConversion) return text;
    const message = `'${place.path}' is still the placeholder '${text}'.`;
    findings.problem("value_not_filled_in", place, message, "Write the bucket's name.");
    return null;
  }
  const fault = type === "directory" ? faultOfFolder(text) : faultOfBucket(text);
  if (fault === null) return text;
  findings.problem("value_invalid", place, `The bucket name '${text}' ${fault.fact}.`, fault.hint);
  return null;
}

interface Fault {
  readonly fact: string;
  readonly hint: string;
}

/** In the directory store a bucket is a folder, so its name must be one harmless path segment everywhere. */
function faultOfFolder(bucket: string): Fault | null {
  if (/^(?!\.)[A-Za-z0-9._-]{1,255}$/.test(bucket)) return null;
  const fact = "cannot be a folder's name in the directory store";
  return { fact, hint: "Use letters, digits, '.', '_' and '-', and do not begin with a dot." };
}

/** Servers differ in what they allow; refused is only what would change the address of a request. */
function faultOfBucket(bucket: string): Fault | null {
  if (Buffer.byteLength(bucket) > MANIFEST_LIMITS.bucketBytes) {
    return { fact: `is longer than ${MANIFEST_LIMITS.bucketBytes} bytes`, hint: "Write the bucket's own name." };
  }
  if (!bucket.includes("/") && bucket !== "." && bucket !== "..") return null;
  return { fact: "is a path", hint: "Write the bucket's name alone; all of its objects are brought." };
}
