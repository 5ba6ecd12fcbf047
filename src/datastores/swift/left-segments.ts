import { z } from "zod";
import type { StoredObject } from "../datastore.ts";
import { RemoteError } from "../remote-error.ts";
import { objectPath } from "./object-path.ts";
import { segmentsBucket, segmentsPrefix, splitSegmentName } from "./segments.ts";
import { translateOutcome } from "./swift-errors.ts";
import type { SwiftSession } from "./swift-session.ts";

/** A thousand segments with names of 1,024 bytes, escaped. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;

const SegmentList = z.array(z.object({ name: z.string() }));

export interface LeftSegmentsParts {
  readonly session: SwiftSession;
  /** Of the objects; their segments are beside it. */
  readonly bucket: string;
  /** Lists the container of the segments. */
  readonly list: (prefix: string, signal: AbortSignal) => AsyncIterable<StoredObject>;
}

/** The segments of one upload that was begun, by their index. */
export interface LeftUpload {
  /** What their names begin with. */
  readonly prefix: string;
  readonly segments: ReadonlyMap<number, StoredObject>;
}

interface Gathered extends LeftUpload {
  readonly key: string;
  readonly segments: Map<number, StoredObject>;
}

/** What uploads that were never finished have left in the container of the segments, which no listing of results shows. */
export class LeftSegments {
  readonly #parts: LeftSegmentsParts;
  #prefix: string | null = null;

  constructor(parts: LeftSegmentsParts) {
    this.#parts = parts;
  }

  continueBelow(prefix: string): void {
    this.#prefix = prefix;
  }

  /** Whether uploads of this key are gone on with. */
  covers(key: string): boolean {
    return this.#prefix !== null && key.startsWith(this.#prefix);
  }

  /** The uploads of exactly this key whose segments no object lists. */
  async uploadsOf(key: string, signal: AbortSignal): Promise<readonly LeftUpload[]> {
    if (!this.covers(key)) return [];
    const uploads: LeftUpload[] = [];
    // A key may begin with another one and a "/".
    for await (const upload of this.#uploads(segmentsPrefix(key, ""), signal)) {
      if (upload.key === key && !(await this.isListed(key, upload.prefix, signal))) uploads.push(upload);
    }
    return uploads;
  }

  /** Removes the segments below a prefix of keys that no object lists. */
  async discard(prefix: string, signal: AbortSignal): Promise<void> {
    for await (const { key, prefix: segments, segments: left } of this.#uploads(prefix, signal)) {
      if (!key.startsWith(prefix) || (await this.isListed(key, segments, signal))) continue;
      for (const segment of left.values()) await this.#remove(segment.key, signal);
    }
  }

  /** Whether the object is one whose segments begin with the prefix. Rejects when that cannot be said. */
  async isListed(key: string, segments: string, signal: AbortSignal): Promise<boolean> {
    const { session, bucket } = this.#parts;
    const path = `${objectPath(bucket, key)}?multipart-manifest=get&format=json`;
    const answer = await session.send({ method: "GET", path }, signal);
    const start = `${segmentsBucket(bucket)}/${segments}`;
    const dynamic = answer.header("x-object-manifest");
    const isStatic = answer.status === 200 && answer.header("x-static-large-object") !== undefined;
    if (!isStatic) {
      await answer.discard();
      if (answer.status === 404) return false;
      if (answer.status !== 200) throw translateOutcome(answer, `The segments of object '${key}' cannot be looked up`);
      return dynamic !== undefined && decodeURIComponent(dynamic).startsWith(start);
    }
    const list = SegmentList.parse(JSON.parse(await answer.text(MAX_LIST_BYTES)));
    return list.some(({ name }) => name.startsWith(`/${start}`));
  }

  /** Segments that this service put, grouped by upload. Their names sort that way, so one upload is held at a time. */
  async *#uploads(prefix: string, signal: AbortSignal): AsyncGenerator<Gathered> {
    let current = null as Gathered | null;
    try {
      for await (const object of this.#parts.list(prefix, signal)) {
        const name = splitSegmentName(object.key);
        if (name === null) continue;
        if (current?.prefix !== name.prefix) {
          if (current !== null) yield current;
          current = { key: name.key, prefix: name.prefix, segments: new Map<number, StoredObject>() };
        }
        current.segments.set(name.index, object);
      }
    } catch (error) {
      // No upload in segments ever came here.
      if (!(error instanceof RemoteError) || error.reason !== "bucket_missing") throw error;
    }
    if (current !== null) yield current;
  }

  async #remove(segment: string, signal: AbortSignal): Promise<void> {
    const { session, bucket } = this.#parts;
    const path = objectPath(segmentsBucket(bucket), segment);
    const answer = await session.send({ method: "DELETE", path, isLast: true }, signal);
    await answer.discard();
    if (answer.status >= 300 && answer.status !== 404) {
      throw translateOutcome(answer, `Segment '${segment}' cannot be removed`);
    }
  }
}
