/** One of the invariants did not hold. The number is that of the list in `contributing/crash-tests.md`. */
export class Violation extends Error {
  readonly invariant: number;

  constructor(invariant: number, message: string) {
    super(`invariant ${invariant}: ${message}`);
    this.invariant = invariant;
  }
}

export function hold(isTrue: boolean, invariant: number, message: string): void {
  if (!isTrue) throw new Violation(invariant, message);
}
