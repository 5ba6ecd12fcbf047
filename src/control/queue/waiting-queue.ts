import type { Device } from "../../domain/device.ts";

/** A run in the queue, as far as granting devices needs to know it. */
export interface Waiting {
  readonly id: string;
  /** Of all its learners together: they start together or not at all. */
  readonly devices: number;
  readonly kind: Device["kind"];
}

/** A place in the order of submission: the smaller, the earlier. */
type Ticket = number;

interface Place {
  readonly ticket: Ticket;
  readonly waiting: Waiting;
}

/** Runs that ask for the same. Only its first matters to a decision. Those that have left are passed over when they come to the front. */
interface Line {
  readonly devices: number;
  readonly kind: Device["kind"];
  places: Place[];
  first: number;
}

/** A line keeps this many places of runs that have left, and as many as wait at all; then they are cut out. */
const LEFT_LIMIT = 1024;

/**
 * The runs that wait, in order of submission. Those that ask for the same number of devices of the same kind stand in
 * one line, so that a decision looks at as many runs as there are different wishes, however many thousands wait.
 */
export class WaitingQueue {
  readonly #places = new Map<string, Place>();
  /** By kind and number of devices. */
  readonly #lines = new Map<string, Line>();
  /** Of all that wait, in order. */
  readonly #tickets: Ticket[] = [];
  #firstTicket: Ticket = 0;
  #lastTicket: Ticket = 0;

  get size(): number {
    return this.#places.size;
  }

  get(id: string): Waiting | undefined {
    return this.#places.get(id)?.waiting;
  }

  /** The first so many, as far as they came in order: one that was put before all others is among the last. */
  *first(count: number): Generator<Waiting> {
    let given = 0;
    for (const { waiting } of this.#places.values()) {
      if ((given += 1) > count) return;
      yield waiting;
    }
  }

  /** At the end, also when it has waited before. */
  add(waiting: Waiting): void {
    this.remove(waiting.id);
    const place = { ticket: (this.#lastTicket += 1), waiting };
    this.#places.set(waiting.id, place);
    this.#tickets.push(place.ticket);
    this.#lineFor(waiting).places.push(place);
  }

  /** Before all others. */
  addFirst(waiting: Waiting): void {
    this.remove(waiting.id);
    const place = { ticket: (this.#firstTicket -= 1), waiting };
    this.#places.set(waiting.id, place);
    this.#tickets.unshift(place.ticket);
    const line = this.#lineFor(waiting);
    line.places.splice(line.first, 0, place);
  }

  #lineFor({ kind, devices }: Waiting): Line {
    const name = `${kind} ${devices}`;
    const line = this.#lines.get(name) ?? { kind, devices, places: [], first: 0 };
    if (line.places.length > LEFT_LIMIT + 2 * this.size) this.#tidy(line);
    this.#lines.set(name, line);
    return line;
  }

  remove(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    this.#places.delete(id);
    this.#tickets.splice(this.#rankOf(place), 1);
  }

  /** From 1; null when it does not wait. */
  positionOf(id: string): number | null {
    const place = this.#places.get(id);
    return place === undefined ? null : this.#rankOf(place) + 1;
  }

  /** Takes out the earliest run for which so many devices of its kind suffice. */
  takeFirst(free: Readonly<Record<Device["kind"], number>>): Waiting | undefined {
    let earliest: Place | undefined;
    for (const [name, line] of this.#lines) {
      if (line.devices > free[line.kind]) continue;
      const place = this.#frontOf(line);
      if (place === undefined) this.#lines.delete(name);
      else if (earliest === undefined || place.ticket < earliest.ticket) earliest = place;
    }
    if (earliest !== undefined) this.remove(earliest.waiting.id);
    return earliest?.waiting;
  }

  #frontOf(line: Line): Place | undefined {
    const { places } = line;
    while (line.first < places.length && !this.#stillWaits(places[line.first])) line.first += 1;
    return places[line.first];
  }

  #tidy(line: Line): void {
    line.places = line.places.filter((place) => this.#stillWaits(place));
    line.first = 0;
  }

  #stillWaits(place: Place | undefined): boolean {
    return place !== undefined && this.#places.get(place.waiting.id) === place;
  }

  /** How many wait before it. */
  #rankOf({ ticket }: Place): number {
    let [low, high] = [0, this.#tickets.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#tickets[middle] as Ticket) < ticket) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
