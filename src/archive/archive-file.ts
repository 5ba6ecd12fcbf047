import { open, stat } from "node:fs/promises";
import { callbackify } from "node:util";
import { RandomAccessReader } from "yauzl";
import { archiveUnreadable } from "../domain/archive-errors.ts";
import { type ByteSource, bytesAsSource, ReadWindow } from "./read-window.ts";
import { showName } from "./entry-name.ts";

const PIECE_BYTES = 262_144;

/** Throws trouble with the disk on as it is, so that it is not taken for a damaged ZIP. */
export function passSystemError(error: unknown): void {
  if (error instanceof Error && "syscall" in error) throw error;
}

/**
 * An open ZIP. yauzl reads its records through `read`, which answers a position outside the file with an error in
 * the callback; yauzl's own reader would hand a ZIP64 offset above 2^53 to `fs.read`, which throws where nobody
 * can catch it.
 */
export class ArchiveFile extends RandomAccessReader {
  readonly sizeBytes: number;
  readonly #source: ByteSource;
  readonly #window: ReadWindow;
  readonly #fill = callbackify(async (target: Buffer, position: number): Promise<void> => {
    (await this.#window.view(position, target.length)).copy(target);
  });

  constructor(source: ByteSource, sizeBytes: number) {
    super();
    this.sizeBytes = sizeBytes;
    this.#source = source;
    this.#window = new ReadWindow(source, sizeBytes);
  }

  /** A file by its path, or a ZIP that is in memory already. */
  static async open(archive: string | Uint8Array): Promise<ArchiveFile> {
    return typeof archive === "string" ? ArchiveFile.#openFile(archive) : ArchiveFile.#ofBytes(archive);
  }

  static #ofBytes(bytes: Uint8Array): ArchiveFile {
    return new ArchiveFile(bytesAsSource(bytes), bytes.byteLength);
  }

  static async #openFile(path: string): Promise<ArchiveFile> {
    const shown = `'${showName(path)}'`;
    const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") {
        throw archiveUnreadable(`there is no file ${shown}`, "Check the path and the working folder.");
      }
      throw error;
    });
    if (status.isDirectory()) {
      throw archiveUnreadable(`${shown} is a folder`, `Pack it first: cd ${showName(path)} && zip -r ../model.zip .`);
    }
    // Asked before opening: opening a named pipe would wait for a writer.
    if (!status.isFile()) throw archiveUnreadable(`${shown} is not a regular file`, "Name a .zip file.");
    const handle = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EACCES") throw archiveUnreadable(`${shown} may not be read`, "Check the file's permissions.");
      throw error;
    });
    return new ArchiveFile(handle, status.size);
  }

  /** yauzl's way to headers and directory records; one call at a time. */
  override read(
    target: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const atHand = this.#window.peek(position, length);
    if (atHand === undefined) {
      this.#fill(target.subarray(offset, offset + length), position, callback);
      return;
    }
    atHand.copy(target, offset);
    callback(null);
  }

  /** A header, or the packed bytes of a small entry; the view is good until the next call of `view` or `read`. */
  async view(position: number, length: number): Promise<Buffer> {
    return await this.#window.view(position, length);
  }

  /** The packed bytes of one large entry, piece by piece; each piece is the receiver's own. */
  async *stream(position: number, length: number): AsyncGenerator<Buffer> {
    // A read stream of the handle would leave a listener on it for every entry.
    let read = 0;
    while (read < length) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length - read));
      const { bytesRead } = await this.#source.read(piece, 0, piece.length, position + read);
      if (bytesRead === 0) return;
      read += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source.close();
  }
}
