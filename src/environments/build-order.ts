import { createHash } from "node:crypto";

/** What to build. */
export interface BuildOrder {
  readonly framework: string;
  /** Imported to see that it works, and for its version; null where there is nothing to import. */
  readonly module: string | null;
  /** Python that every interpreter of the environment runs when it starts; null for none. */
  readonly atStart: string | null;
  /** Tried in this order; the first list that some Python can have is taken. */
  readonly choices: readonly (readonly string[])[];
  /** Interpreters to build for, the preferred one first. */
  readonly pythons: readonly { readonly interpreter: string; readonly version: string }[];
  /** Whether there are requirements beyond the recipe's. */
  readonly isSpecial: boolean;
}

/** An order after the package index has said what exactly it means. */
export interface LockedOrder {
  readonly order: BuildOrder;
  readonly inputKey: string;
  readonly id: string;
  /** Begins with a comment that names Python and system, so that the id depends on them. */
  readonly lock: string;
  readonly requirements: readonly string[];
  readonly python: { readonly interpreter: string; readonly version: string };
}

/** Comments that make environments differ which are more than the same packages. */
export function headOf({ framework, atStart }: BuildOrder, pythonVersion: string): string {
  const place = `# Python ${pythonVersion} on ${process.platform} ${process.arch}\n`;
  if (atStart === null) return place;
  return `${place}# ${framework}: ${createHash("sha256").update(atStart).digest("hex").slice(0, 16)}\n`;
}

/** Equal for orders that mean the same. */
export function inputKeyOf({ framework, atStart, choices, pythons }: BuildOrder): string {
  const meaning = [framework, atStart, choices, pythons.map(({ interpreter, version }) => [interpreter, version])];
  return createHash("sha256").update(JSON.stringify(meaning)).digest("hex");
}

/** The version of the first requirement. Python itself has none. */
export function lockedVersion({ order, lock, requirements }: LockedOrder): string | undefined {
  const name = /^[A-Za-z0-9._-]+/.exec(requirements[0] ?? "")?.[0];
  if (order.framework === "python" || name === undefined) return undefined;
  const pin = lock.split("\n").find((line) => normalizedName(line.split("==")[0] ?? "") === normalizedName(name));
  return /==([^\s\\;]+)/.exec(pin ?? "")?.[1];
}

/** PEP 503: `Scikit_Learn` and `scikit-learn` are one package. */
function normalizedName(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replaceAll(/[-_.]+/g, "-");
}
