import { type Readable, Transform } from "node:stream";

/**
 * An object's bytes as `DataStore.read` promises them: without the first `skip`, with translated errors, ended by the
 * signal with its reason; what is behind (`body`: a connection, a file) is let go as soon as the reader is.
 */
export function objectStream(
  body: Readable,
  skip: number,
  translate: (error: unknown) => Error,
  signal: AbortSignal,
): Readable {
  let toSkip = skip;
  const stream = new Transform({
    transform(piece: Buffer, _, done) {
      const skipped = Math.min(toSkip, piece.length);
      toSkip -= skipped;
      done(null, piece.subarray(skipped));
    },
  });
  const fail = (error: unknown): void => {
    if (!signal.aborted) stream.destroy(translate(error));
    else stream.destroy(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
  };
  const stop = (): void => fail(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  stream.once("close", () => {
    signal.removeEventListener("abort", stop);
    body.destroy();
  });
  // The reader learns of the error when it reads; before that nobody listens, and that must not end the process.
  stream.on("error", () => {});
  body.on("error", fail);
  body.once("close", () => {
    if (!body.readableEnded) fail(Object.assign(new Error("closed early"), { code: "ERR_STREAM_PREMATURE_CLOSE" }));
  });
  return body.pipe(stream);
}
