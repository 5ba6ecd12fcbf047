import type { Client } from "../client/client.ts";
import type { CliIo } from "./io.ts";
import type { Machine } from "./machine.ts";
import { shellWord } from "./output/shell-word.ts";
import { clientFor, findConnection, type Connection, type ConnectionFlags } from "./session.ts";

/** What one invocation knows; commands get it from the program that they are part of. */
export interface Context {
  readonly io: CliIo;
  readonly machine: Machine;
  /** Filled in by the parser before a command runs. */
  flags: ConnectionFlags;
  /** What the process will end with, unless something is thrown. */
  exitCode: number;
  /** The server that was talked to, once one was: a failure is explained better with it. */
  connection: Connection | undefined;
}

export function createContext(io: CliIo, machine: Machine): Context {
  return { io, machine, flags: {}, exitCode: 0, connection: undefined };
}

/** A client for the server that is meant here. */
export async function connect(context: Context, onUpload?: (sentBytes: number) => void): Promise<Client> {
  context.connection ??= await findConnection(context.flags, context.io);
  return clientFor(context.connection, onUpload);
}

/** Says something to the person at the terminal: on stderr, where it cannot be mistaken for data. */
export async function say(context: Context, text: string): Promise<void> {
  await context.io.stderr.write(`${text}\n`);
}

/** A command for the person to type next, with the flags that led to this server. */
export function commandLine(context: Context, words: string): string {
  const { home, url, tokenFile } = context.flags;
  const flags = [
    home === undefined ? "" : ` --home ${shellWord(home)}`,
    url === undefined ? "" : ` --url ${shellWord(url)}`,
    tokenFile === undefined ? "" : ` --token-file ${shellWord(tokenFile)}`,
  ];
  return `trainyard${flags.join("")} ${words}`;
}
