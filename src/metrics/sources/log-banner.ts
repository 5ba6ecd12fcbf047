/** How every training log begins, and the line that ends what the service itself writes there. */
const BEGINNING = Buffer.from("Training with training/test data at:\n");
const END = /^ {2}RESULT_DIR: .*\n\w{3} \w{3} [ \d]\d [\d:]{8} UTC \d{4}: Running .* job\n/mu;

/**
 * The bytes at the beginning of a training log that the service wrote: they name the command, and `--lr=0.1` there is
 * no measurement. 0 where the log begins otherwise, or the banner is not whole.
 */
export function bannerBytes(beginning: Uint8Array): number {
  if (!Buffer.from(beginning.subarray(0, BEGINNING.length)).equals(BEGINNING)) return 0;
  // One character for each byte, so that positions are bytes.
  const found = END.exec(Buffer.from(beginning).toString("latin1"));
  return found === null ? 0 : found.index + found[0].length;
}

/** A line that the service writes at the end of a training log; its numbers are no measurements. */
export function isClosingLine(text: string): boolean {
  return /^(?:Training process finished\. Exit code: \d+|Job exited with error code \d+)\s*$/u.test(text);
}
