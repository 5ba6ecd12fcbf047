import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { EtagBuilder } from "./content-proof.ts";

/** What the main thread says; `id` names one file. */
export type EtagOrder =
  | { readonly kind: "open"; readonly id: number; readonly path: string; readonly partBytes: number | null }
  /** The bytes before `upTo` are in the file. */
  | { readonly kind: "advance"; readonly id: number; readonly upTo: number }
  | { readonly kind: "digest"; readonly id: number }
  | { readonly kind: "leave"; readonly id: number };

export type EtagReport =
  | { readonly id: number; readonly etag: string }
  | { readonly id: number; readonly failed: string };

const BUFFER_BYTES = 1024 * 1024;

interface Reading {
  readonly file: number;
  readonly builder: EtagBuilder;
  at: number;
}

/**
 * The program of a thread that computes ETags of files while they are being written. It reads them back, which costs
 * little as long as they are in the page cache, and so needs no bytes from the main thread and no order among them.
 */
function serve(port: NonNullable<typeof parentPort>): void {
  const open = new Map<number, Reading>();
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES);

  const leave = (id: number): void => {
    const reading = open.get(id);
    if (reading === undefined) return;
    open.delete(id);
    closeSync(reading.file);
  };

  const read = (reading: Reading, upTo: number): void => {
    while (reading.at < upTo) {
      const most = Math.min(buffer.length, upTo - reading.at);
      const got = readSync(reading.file, buffer, 0, most, reading.at);
      if (got === 0) throw new Error(`The file ends at ${reading.at}, before ${upTo}.`);
      reading.builder.update(buffer.subarray(0, got));
      reading.at += got;
    }
  };

  const obey = (order: EtagOrder): void => {
    if (order.kind === "open") {
      const { path, partBytes } = order;
      open.set(order.id, { file: openSync(path, "r"), builder: new EtagBuilder(partBytes), at: 0 });
      return;
    }
    const reading = open.get(order.id);
    if (reading === undefined) return;
    if (order.kind === "advance") return read(reading, order.upTo);
    if (order.kind === "digest")
      port.postMessage({ id: order.id, etag: reading.builder.digest() } satisfies EtagReport);
    leave(order.id);
  };

  port.on("message", (order: EtagOrder) => {
    try {
      obey(order);
    } catch (error) {
      leave(order.id);
      port.postMessage({ id: order.id, failed: String(error) } satisfies EtagReport);
    }
  });
}

if (parentPort !== null) serve(parentPort);
