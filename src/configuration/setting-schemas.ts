import { isAbsolute } from "node:path";
import { z } from "zod";
import { parseDuration } from "../base/duration.ts";
import { isHostOrNetwork, parseListenAddress } from "./address.ts";

export function wholeNumber(from: number, to: number) {
  const error = `a whole number from ${from} to ${to}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
}

export function number(from: number, to: number) {
  const error = `a number from ${from} to ${to}`;
  return z.number({ error }).min(from, { error }).max(to, { error });
}

/** A word that stands for "none", beside the values of a schema. */
export function orWord<Schema extends z.ZodType>(schema: Schema, word: string, error: string) {
  return z.union([schema, z.literal(word).transform(() => null)], { error });
}

export const Listen = z.string({ error: "HOST:PORT" }).transform((text, context) => {
  const address = parseListenAddress(text);
  if (address !== undefined) return address;
  context.issues.push({ code: "custom", input: text, message: "HOST:PORT, where a port of 0 picks a free one" });
  return z.NEVER;
});

export const TimeLimit = orWord(
  z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== null && ms >= 1000 && ms <= 365 * 86_400_000) return ms;
    context.issues.push({ code: "custom", input: text, message: "a time" });
    return z.NEVER;
  }),
  "none",
  "a time from 1s to 365d such as 90m, 2d or 1-12:00:00, or the word none",
);

export const Roots = z.array(
  z.string({ error: "an absolute path" }).refine((path) => isAbsolute(path), { error: "an absolute path" }),
  { error: "a list of folders" },
);

export const Networks = z.array(
  z
    .string({ error: "a host, an address or a network" })
    .refine(isHostOrNetwork, { error: "a host, an address, or a network such as 10.0.0.0/8" }),
  { error: "a list of hosts and networks" },
);
