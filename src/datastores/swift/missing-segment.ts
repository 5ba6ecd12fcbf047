import { z } from "zod";
import { objectPath } from "./object-path.ts";
import type { SwiftSession } from "./swift-session.ts";

/** A thousand segments with names of 1,024 bytes, escaped. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;

const SegmentList = z.array(z.object({ name: z.string(), bytes: z.int().min(0) }));

/**
 * The first segment from `offset` on that a static large object lists and the store does not have: `bucket/key`. Null
 * when nothing can be said, as when the object is none of that kind.
 */
export async function findMissingSegment(
  session: SwiftSession,
  bucket: string,
  key: string,
  offset: number,
  signal: AbortSignal,
): Promise<string | null> {
  const path = `${objectPath(bucket, key)}?multipart-manifest=get&format=json`;
  const answer = await session.send({ method: "GET", path }, signal);
  if (answer.header("x-static-large-object") === undefined) {
    await answer.discard();
    return null;
  }
  const segments = SegmentList.parse(JSON.parse(await answer.text(MAX_LIST_BYTES)));
  let end = 0;
  for (const { name, bytes } of segments) {
    end += bytes;
    if (end <= offset) continue;
    const [, of = "", ...rest] = name.split("/");
    const look = await session.send({ method: "HEAD", path: objectPath(of, rest.join("/")) }, signal);
    await look.discard();
    if (look.status === 404) return `${of}/${rest.join("/")}`;
  }
  return null;
}
