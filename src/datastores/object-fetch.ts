import type { FileHandle } from "node:fs/promises";
import { open, rm, writeFile } from "../base/world-files.ts";
import { type ContentProof, etagOfBytes, proofOf } from "./content-proof.ts";
import { forEachConcurrently } from "./concurrently.ts";
import type { StoredObject } from "./datastore.ts";
import { startFileEtag } from "./etag-threads.ts";
import type { FetchLine } from "./fetch-object.ts";
import { cutObject, type ObjectPart, writtenPrefix } from "./object-parts.ts";
import { OrderedWriter } from "./ordered-writer.ts";
import { PartSink, type Take } from "./part-sink.ts";
import { type RangeAnswer, readRangeOf } from "./range-reads.ts";
import { RemoteError } from "./remote-error.ts";

/** Objects up to this size are held in memory until they are whole: one request, and one file made at one go. */
const SMALL_BYTES = 256 * 1024;

/** Ranges of one object at once. */
const PARTS_AT_ONCE = 8;

/** What one answer must bring to count as progress; a store that drips a byte at a time runs out of tries. */
const PROGRESS_BYTES = 64 * 1024;

/** How one start ended. Only after `whole` there is a file. */
export type FetchEnd =
  | { readonly kind: "whole"; readonly etag: string | null }
  /** An answer was about another content than was listed. */
  | { readonly kind: "replaced" }
  /** The store says that it has no such object. */
  | { readonly kind: "missing"; readonly error: RemoteError }
  /** All bytes came, and are not those that the store says it has; `computed` is the ETag they would have. */
  | { readonly kind: "spoiled"; readonly error: RemoteError; readonly computed: string | null };

/** Thrown to leave all ranges of an object at once. */
class Ended extends Error {
  readonly end: FetchEnd;

  constructor(end: FetchEnd) {
    super(end.kind);
    this.end = end;
  }
}

export interface FetchTerms {
  /** False where the ETags of answers do not agree with those of the listing, though the object is the same. */
  readonly trustsEtags: boolean;
  /** An ETag that the bytes may have besides the listed one, because the same bytes came before. */
  readonly accepted: string | null;
}

/** One start of bringing one object. All its bytes are of one version, as far as the store tells versions apart. */
export class ObjectFetch {
  readonly #line: FetchLine;
  readonly #object: StoredObject;
  readonly #path: string;
  readonly #terms: FetchTerms;
  readonly #parts: ObjectPart[];
  /** Of the content whose bytes arrive: as listed, or else as the first answer tells. */
  #etag: string | null;
  #proof: ContentProof;
  /** Answers that brought bytes, and whether each of them told which content it is about. */
  #answers = 0;
  #allTold = true;

  constructor(line: FetchLine, object: StoredObject, path: string, terms: FetchTerms) {
    this.#line = line;
    this.#object = object;
    this.#path = path;
    this.#terms = terms;
    this.#etag = object.etag;
    this.#proof = proofOf(object);
    this.#parts = cutObject(object.sizeBytes, line.partBytes);
  }

  async run(signal: AbortSignal): Promise<FetchEnd> {
    try {
      return await (this.#object.sizeBytes <= SMALL_BYTES ? this.#inMemory(signal) : this.#inFile(signal));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Ended) return error.end;
      if (error instanceof RemoteError && error.reason === "object_missing") return { kind: "missing", error };
      throw error;
    }
  }

  async #inMemory(signal: AbortSignal): Promise<FetchEnd> {
    const bytes = Buffer.allocUnsafe(this.#object.sizeBytes);
    const [part] = this.#parts;
    if (part === undefined) throw new Error("An object without parts.");
    let at = 0;
    const take: Take = (piece) => {
      at += piece.copy(bytes, at);
      return undefined;
    };
    await this.#bring(part, take, () => {}, signal);
    const end = await this.#judge(etagOfBytes(this.#proof, bytes), signal);
    if (end.kind === "whole") await this.#create(bytes);
    return end;
  }

  /** Not in the main thread, though that would need less computing: a busy disk takes a millisecond and more to make a file. */
  async #create(bytes: Buffer): Promise<void> {
    try {
      await writeFile(this.#path, bytes, { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") await rm(this.#path, { force: true });
      throw error;
    }
  }

  async #inFile(signal: AbortSignal): Promise<FetchEnd> {
    let end: FetchEnd | undefined;
    const file = await open(this.#path, "wx");
    try {
      end = await this.#judge(await this.#fill(file, signal), signal);
      return end;
    } finally {
      await file.close();
      if (end?.kind !== "whole") await rm(this.#path, { force: true });
    }
  }

  /** Brings all parts into the file and gives the ETag of what is in it. */
  async #fill(file: FileHandle, signal: AbortSignal): Promise<string | null> {
    const proof = this.#proof;
    const partBytes = proof.kind === "parts" ? proof.partBytes : null;
    const etag = proof.kind === "none" ? undefined : startFileEtag(this.#path, this.#object.sizeBytes, partBytes);
    const begun = Promise.withResolvers<void>();
    const bringPart = async (part: ObjectPart, aborted: AbortSignal): Promise<void> => {
      const writer = new OrderedWriter(file, part.start, (end) => {
        part.written = end;
        etag?.advance(writtenPrefix(this.#parts));
      });
      try {
        await this.#bring(part, (piece) => writer.take(piece), begun.resolve, aborted);
      } finally {
        begun.resolve();
        // After a failure too: the file is closed next, and no write may be under way then.
        await writer.finish();
      }
    };
    try {
      await forEachConcurrently(() => this.#partsAsKnown(begun.promise), PARTS_AT_ONCE, bringPart, signal);
      return (await etag?.digest()) ?? null;
    } finally {
      etag?.leave();
    }
  }

  /** The first part, and when its answer has begun the others: a server that knows no ranges sends everything at once. */
  async *#partsAsKnown(begun: Promise<void>): AsyncGenerator<ObjectPart> {
    for (const [index, part] of this.#parts.entries()) {
      if (index === 1) await begun;
      if (index < this.#parts.length) yield part;
    }
  }

  async #bring(part: ObjectPart, take: Take, onBegin: () => void, signal: AbortSignal): Promise<void> {
    const { retrier } = this.#line;
    for (let attempt = 1; ; attempt += 1) {
      const before = part.at;
      const trouble = await this.#readOn(part, take, onBegin, signal);
      if (part.at === part.end) return;
      if (part.at >= before + PROGRESS_BYTES) attempt = 1;
      const error = trouble ?? this.#endedEarly(part);
      await retrier.waitOrThrow(`read '${this.#object.key}' on from byte ${part.at}`, attempt, error, signal);
      // Where answers do not tell, the store is asked, so that no time is lost on what is not there any more.
      if (!this.#allTold && !(await this.#isStill(signal))) throw new Ended({ kind: "replaced" });
    }
  }

  /** Takes what one answer gives; the trouble that ended it, if it was one that may pass. */
  async #readOn(
    part: ObjectPart,
    take: Take,
    onBegin: () => void,
    signal: AbortSignal,
  ): Promise<RemoteError | undefined> {
    const { store, share } = this.#line;
    const { key, sizeBytes } = this.#object;
    const sink = new PartSink(part, take, {
      begin: (answer) => {
        this.#compare(answer);
        onBegin();
        return answer;
      },
      overflow: () => {
        if (part.end === sizeBytes) throw this.#spoiled("has more bytes than the store says", null);
      },
      extend: () => {
        part.end = sizeBytes;
        this.#parts.splice(1);
      },
      spend: (bytes) => {
        this.#line.onBytes(bytes);
        return share.spend(bytes, signal);
      },
    });
    const isAll = part.at === 0 && part.end === sizeBytes;
    const etag = this.#terms.trustsEtags ? this.#etag : null;
    const giveBack = await share.take(signal);
    try {
      const request = { key, start: part.at, end: isAll ? null : part.end, etag };
      const outcome = await readRangeOf(store, request, sink, signal);
      if (outcome === "replaced") throw new Ended({ kind: "replaced" });
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (sink.failed !== undefined) throw sink.failed.error;
      if (error instanceof RemoteError && error.retryable) return error;
      throw error;
    } finally {
      giveBack();
    }
  }

  /** Throws when the answer is about another content than the one that was listed, or than the answers before. */
  #compare(answer: RangeAnswer): void {
    this.#answers += 1;
    const { trustsEtags } = this.#terms;
    // With the right ETag another size only means that the answer was cut.
    const isNamed = !trustsEtags || (answer.etag !== null && answer.etag === this.#etag);
    const hasSize = answer.sizeBytes === null || answer.sizeBytes === this.#object.sizeBytes;
    if (!isNamed && !hasSize) throw new Ended({ kind: "replaced" });
    if (answer.isOpaque) this.#proof = { kind: "none" };
    if (answer.etag === null || !trustsEtags) this.#allTold = false;
    else if (this.#etag === null) this.#etag = answer.etag;
    else if (this.#etag !== answer.etag) throw new Ended({ kind: "replaced" });
  }

  /** What became of the object, all of whose bytes have come. */
  async #judge(computed: string | null, signal: AbortSignal): Promise<FetchEnd> {
    const whole: FetchEnd = { kind: "whole", etag: this.#etag };
    if (this.#proof.kind !== "none") {
      if (computed === this.#proof.etag || computed === this.#terms.accepted) return whole;
      const what = this.#proof.kind === "whole" ? "MD5" : "ETag of an upload in parts";
      return this.#spoiled(`does not have the checksum that the store says (${what} ${this.#proof.etag})`, computed)
        .end;
    }
    if (this.#allTold || this.#answers === 1) return whole;
    return (await this.#isStill(signal)) ? whole : { kind: "replaced" };
  }

  async #isStill(signal: AbortSignal): Promise<boolean> {
    const now = await this.#line.store.head(this.#object.key, signal);
    return now?.sizeBytes === this.#object.sizeBytes && now.etag === this.#object.etag;
  }

  #spoiled(fact: string, computed: string | null): Ended {
    const error = new RemoteError("corrupted", `${this.#name()} ${fact}.`, { retryable: true });
    return new Ended({ kind: "spoiled", error, computed });
  }

  #endedEarly(part: ObjectPart): RemoteError {
    const message = `${this.#name()} ended after ${part.at} of ${part.end} bytes.`;
    return new RemoteError("corrupted", message, { retryable: true });
  }

  #name(): string {
    return `Object '${this.#object.key}' of ${this.#line.store.label}`;
  }
}
