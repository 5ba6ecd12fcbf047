/**
 * A means of the kernel to keep the processes of a learner together, whatever they do: chosen once, when the server
 * starts (`choose-tracker.ts`). Each attempt of a learner has an
 * enclosure of its own; the shim enters it before anything else.
 *
 * It never stands alone. A program that runs as root can leave its enclosure, and one that starts containers does so without
 * knowing; those are found by their session, their environment and their parents (`learner-processes.ts`).
 */
export interface ProcessTracker {
  /** For people, as `doctor` and `show` name it. */
  readonly name: string;
  /** Makes an enclosure, or finds it when it is there. Null where none can be made now: the learner then goes without. */
  create(name: string): Promise<Enclosure | null>;
  /** The enclosure with this place, of this tracker or of one that a server before this one had; also when it is gone. Null when the place is none. */
  open(place: string): Enclosure | null;
  /** What a server that was killed has left: frozen enclosures go on, empty ones are removed. Only those of the same home. */
  tidyUp(): Promise<void>;
  /** Removes what servers with other homes have left for good. May take seconds; may be repeated. */
  removeAbandoned(): Promise<void>;
}

/** The processes of one attempt of a learner, its shim among them. Every method may be repeated, also when the enclosure is gone. */
export interface Enclosure {
  /** What finds the enclosure again after a restart of the server. One line without blanks. */
  readonly place: string;
  /** For people: the name of the tracker that made it. */
  readonly means: string;
  /** Files of the kernel: a process that writes `0` into them is in it, and so are all that it starts. */
  readonly entrances: readonly string[];
  /** The numbers of the processes in it now, also where a program has divided the enclosure further. */
  members(): readonly number[];
  /**
   * Kills all but one at one stroke, so that none of them can start another meanwhile. They may need a moment to be gone, and
   * one that waits in the kernel stays.
   */
  killAllBut(spared: number | null): Promise<void>;
  /** How many of its processes the kernel has ended since memory ran out; 0 where that is not counted. */
  outOfMemoryKills(): number;
  /** Removes the enclosure once it is empty. False as long as it is not. */
  remove(): Promise<boolean>;
}

/** Where the kernel offers nothing: session, environment and parents alone tell whose a process is. */
export const NO_TRACKER: ProcessTracker = {
  name: "session, environment and parents of each process",
  create: async () => null,
  open: () => null,
  tidyUp: async () => undefined,
  removeAbandoned: async () => undefined,
};
