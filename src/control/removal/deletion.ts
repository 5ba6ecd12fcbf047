import { amend, type Run } from "../../domain/run.ts";
import type { RunUpdate } from "../run/run-book.ts";

/** The ended run with the wish to delete it. A wish before it stays the one that counts. */
export function withDeletion(run: Run, account: string, now: Date): RunUpdate {
  const message = `${account} deleted it; for some time it can be taken back.`;
  return { run: amend(run, now, { deletedAt: run.deletedAt ?? now }), events: [{ type: "deleted", message }] };
}

export function withRestoration(run: Run, account: string, now: Date): RunUpdate {
  const message = `${account} took its deletion back.`;
  return { run: amend(run, now, { deletedAt: null }), events: [{ type: "restored", message }] };
}
