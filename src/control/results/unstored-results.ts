import type { Run } from "../../domain/run.ts";

/** How every sentence about results that no bucket took begins; such a warning is taken back when they are stored. */
const BEGINNING = "The results could not be put into bucket";

export function notStored(run: Run, reason: string): string {
  return `${BEGINNING} '${run.spec.results.bucket}': ${reason}`;
}

/** What becomes of them, and what to do. */
export function keptHere(run: Run, folder: string): string {
  return `They are kept in ${folder}. Once the bucket takes them, 'trainyard results retry ${run.id}' stores them.`;
}

/** The run's warnings without those of results that were not stored. */
export function withoutUnstored(warnings: readonly string[]): readonly string[] {
  return warnings.filter((warning) => !warning.startsWith(BEGINNING));
}

const UNREAD = "Files that could not be read are kept on the server";

/** All others were stored. */
export function unreadHere(folder: string): string {
  return `${UNREAD} in ${folder}.`;
}

/** Whether some of the run's files were left out of what was stored since they could not be read. */
export function leftUnread(warnings: readonly string[]): boolean {
  return warnings.some((warning) => warning.startsWith(UNREAD));
}
