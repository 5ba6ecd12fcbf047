import { createHash, randomUUID } from "node:crypto";

export interface FakeObject {
  readonly bytes: Buffer;
  readonly etag: string;
}

interface FakeUpload {
  readonly key: string;
  readonly parts: Map<number, Buffer>;
}

/** What a fake S3 server remembers: buckets, objects and unfinished uploads. No HTTP, no faults. */
export class S3Objects {
  readonly buckets = new Map<string, Map<string, FakeObject>>();
  readonly uploads = new Map<string, FakeUpload>();
  /** How often each part of a key's uploads has arrived as a whole. */
  readonly arrivals = new Map<string, number[]>();

  put(bucket: Map<string, FakeObject>, key: string, bytes: Buffer): FakeObject {
    const object = { bytes, etag: md5(bytes).toString("hex") };
    bucket.set(key, object);
    return object;
  }

  begin(key: string): string {
    const id = randomUUID();
    this.uploads.set(id, { key, parts: new Map() });
    return id;
  }

  /** False when there is no such upload. */
  putPart(id: string, number: number, bytes: Buffer): boolean {
    const upload = this.uploads.get(id);
    if (upload === undefined) return false;
    upload.parts.set(number, bytes);
    const arrivals = this.arrivals.get(upload.key) ?? [];
    arrivals[number - 1] = (arrivals[number - 1] ?? 0) + 1;
    this.arrivals.set(upload.key, arrivals);
    return true;
  }

  /** Changes a byte of what was uploaded so far. */
  spoil(id: string): void {
    const part = this.uploads.get(id)?.parts.get(1);
    part?.writeUInt8(part.readUInt8(0) ^ 0xff, 0);
  }

  complete(bucket: Map<string, FakeObject>, id: string, numbers: readonly number[]): FakeObject | undefined {
    const upload = this.uploads.get(id);
    const parts = numbers.map((number) => upload?.parts.get(number));
    if (upload === undefined || parts.some((part) => part === undefined)) return undefined;
    const whole = parts.filter((part) => part !== undefined);
    const etag = `${md5(Buffer.concat(whole.map(md5))).toString("hex")}-${whole.length}`;
    const object = { bytes: Buffer.concat(whole), etag };
    bucket.set(upload.key, object);
    this.uploads.delete(id);
    return object;
  }
}

export function md5(bytes: Buffer): Buffer {
  return createHash("md5").update(bytes).digest();
}
