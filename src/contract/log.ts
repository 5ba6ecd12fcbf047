import { z } from "zod";

const LogRow = z.object({
  /** From 1; never changes. */
  row: z.int(),
  /** The raw line with which it began, from 1. */
  line: z.int(),
  /** Of the first byte of that line. */
  offset: z.int(),
  /** When the service had seen where it begins, at the latest. */
  seenAt: z.iso.datetime().nullable(),
  /** With SGR sequences where it has colours. */
  text: z.string(),
  isCut: z.boolean(),
});

export const LogRows = z.object({
  rows: z.array(LogRow),
  /** The row that was asked for by line, offset or time; null where there is none. */
  at: z.int().nullable(),
  totalRows: z.int(),
  totalLines: z.int(),
  sizeBytes: z.int(),
  /** Since when it is known when something was seen; null where nothing is known. */
  timesFrom: z.iso.datetime().nullable(),
  isComplete: z.boolean(),
  attempt: z.int(),
});
export type LogRows = z.infer<typeof LogRows>;

export const LogMatches = z.object({
  matches: z.array(z.object({ line: z.int(), offset: z.int(), text: z.string() })),
  /** What to send as `cursor` for what follows; null when the log was searched to its end. */
  cursor: z.string().nullable(),
  isComplete: z.boolean(),
  attempt: z.int(),
});
export type LogMatches = z.infer<typeof LogMatches>;
