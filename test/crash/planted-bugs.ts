/** A mistake that the driver must notice, put into the server's source while it is loaded. */
export interface PlantedBug {
  readonly file: string;
  readonly right: string;
  readonly wrong: string;
  /** Where it shows, and as what. */
  readonly story: string;
  readonly invariant: number;
}

export const PLANTED_BUGS: Readonly<Record<string, PlantedBug>> = {
  "acknowledged-before-the-commit": {
    file: "/src/store/sqlite/group-commit.ts",
    right: "return [() => only.resolve(value)];",
    wrong: "only.resolve(value); await new Promise((resolve) => setTimeout(resolve, 20)); return [];",
    story: "train",
    invariant: 1,
  },
  "terminal-before-the-results": {
    file: "/src/control/life/storing-step.ts",
    right: "const kept = await keepPatiently(parts, run, outcome, mayHaveRemains, shutdown, carried.giveUp.signal);",
    wrong: "const kept = { isStored: true, stored: { objects: 0, sizeBytes: 0, storedAt: new Date() }, warnings: [] };",
    story: "train",
    invariant: 9,
  },
  "live-learner-taken-for-lost": {
    file: "/src/engines/local/records.ts",
    right: "return { pid: Number(pid), startTime: Number(startTime), bootId, enclosure, gpus };",
    wrong: "return { pid: Number(pid), startTime: Number(startTime) + 1, bootId, enclosure, gpus };",
    story: "adoption",
    invariant: 2,
  },
};

export function plantedBug(name: string): PlantedBug | null {
  return PLANTED_BUGS[name] ?? null;
}
