import { type Readable, Transform } from "node:stream";

/**
 * The body of an answer as the interface promises it: without its first `skip` bytes, its errors translated, and the
 * connection let go as soon as the reader is.
 */
export function answerStream(body: Readable, skip: number, translate: (error: unknown) => Error): Readable {
  let toSkip = skip;
  const stream = new Transform({
    transform(piece: Buffer, _, done) {
      const skipped = Math.min(toSkip, piece.length);
      toSkip -= skipped;
      done(null, piece.subarray(skipped));
    },
  });
  body.once("error", (error) => stream.destroy(translate(error)));
  body.once("close", () => {
    if (!body.readableEnded && !stream.destroyed) stream.destroy(translate(new Error("closed")));
  });
  stream.once("close", () => body.destroy());
  return body.pipe(stream);
}
