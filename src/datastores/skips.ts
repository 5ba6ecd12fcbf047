/** How many of the skipped are named; all are counted. */
const NAMED_SKIPS = 1000;

/** What was left out, counted to the end and named up to a limit. */
export class Skips {
  count = 0;
  readonly named: { readonly key: string; readonly reason: string }[] = [];

  add(key: string, reason: string): void {
    this.count += 1;
    if (this.named.length < NAMED_SKIPS) this.named.push({ key, reason });
  }
}
