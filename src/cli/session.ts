import { join, resolve } from "node:path";
import { createClient, type Client } from "../client/client.ts";
import { ClientError, neverArrived } from "../client/client-error.ts";
import type { Fetch } from "../client/transport.ts";
import {
  fileNotFound,
  fileNotReadable,
  noServerKnown,
  noServerRuns,
  serverHasEnded,
  staleLogin,
  tokenMissing,
  wrongUse,
} from "./cli-error.ts";
import { readTextIfThere } from "./files.ts";
import { httpTransport } from "./http-transport.ts";
import type { CliIo } from "./io.ts";
import { shellWord } from "./output/shell-word.ts";

/** The flags of `trainyard` itself, which every command understands. */
export interface ConnectionFlags {
  readonly home?: string | undefined;
  readonly url?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/**
 * A server to talk to, and how it was found: `home` is set where a home on this machine told, `loginFile` where the
 * saved login did.
 */
export interface Connection {
  readonly url: string;
  readonly token: string;
  readonly home: string | null;
  readonly loginFile: string | null;
}

export interface SavedLogin {
  readonly url: string;
  readonly token: string;
}

/** The home that `serve` would use: the flag, TRAINYARD_HOME, or the user's data folder. */
export async function homeFor(flags: ConnectionFlags, io: CliIo): Promise<string> {
  const named = namedHome(flags, io);
  return named ?? (await io.folders()).home;
}

/**
 * Which server is meant: the flags; else TRAINYARD_HOME; else TRAINYARD_URL with TRAINYARD_TOKEN; else the saved
 * login; else the default home, if a server runs for it.
 */
export async function findConnection(flags: ConnectionFlags, io: CliIo): Promise<Connection> {
  const found = flags.url === undefined ? await usualConnection(flags, io) : await connectionTo(flags.url, flags, io);
  if (flags.tokenFile === undefined) return found;
  return { ...found, token: await tokenIn(flags.tokenFile, io) };
}

async function usualConnection(flags: ConnectionFlags, io: CliIo): Promise<Connection> {
  const home = namedHome(flags, io);
  if (home !== undefined) {
    const connection = await connectionOfHome(home);
    if (connection === undefined) throw noServerRuns(home, await serveCommand(home, io));
    return connection;
  }
  const url = io.env["TRAINYARD_URL"];
  if (url !== undefined && url !== "") return await connectionTo(url, flags, io);
  const folders = await io.folders();
  const login = await savedLogin(folders.config);
  if (login !== undefined) return { ...login, home: null, loginFile: loginFile(folders.config) };
  const connection = await connectionOfHome(folders.home);
  if (connection !== undefined) return connection;
  // The token outlives every server of a home.
  const isUsed = (await readTextIfThere(join(folders.home, "admin-token"))) !== undefined;
  throw isUsed ? noServerRuns(folders.home, await serveCommand(folders.home, io)) : noServerKnown();
}

function namedHome(flags: ConnectionFlags, io: CliIo): string | undefined {
  if (flags.home !== undefined) return resolve(io.cwd, flags.home);
  const home = io.env["TRAINYARD_HOME"];
  return home === undefined || home === "" ? undefined : resolve(io.cwd, home);
}

async function connectionTo(url: string, flags: ConnectionFlags, io: CliIo): Promise<Connection> {
  const checked = checkedUrl(url);
  const token = io.env["TRAINYARD_TOKEN"] ?? "";
  if (token !== "") return { url: checked, token, home: null, loginFile: null };
  if (flags.tokenFile !== undefined) return { url: checked, token: "", home: null, loginFile: null };
  const login = await savedLogin((await io.folders()).config);
  if (login === undefined || checkedUrl(login.url) !== checked) throw tokenMissing(checked);
  return { url: checked, token: login.token, home: null, loginFile: null };
}

/** What a server left in its home for programs on the same machine; undefined where none runs. */
async function connectionOfHome(home: string): Promise<Connection | undefined> {
  const [record, token] = await Promise.all([
    readTextIfThere(join(home, "server.json")),
    readTextIfThere(join(home, "admin-token")),
  ]);
  if (record === undefined || token === undefined) return undefined;
  const { url } = parseRecord(record, join(home, "server.json")) as { url: string };
  return { url, token: token.trim(), home, loginFile: null };
}

/** What one of our own files says; they are written whole, so anything else was done to them by hand. */
function parseRecord(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw fileNotReadable(file, "it is not JSON");
  }
}

export function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw wrongUse(`'${text}' is not the address of a server.`, "Write it as http://HOST:PORT or https://HOST.");
  }
  return url.href.replace(/\/+$/, "");
}

export async function tokenIn(path: string, io: CliIo): Promise<string> {
  const token = await readTextIfThere(resolve(io.cwd, path));
  if (token === undefined) throw fileNotFound(path, "the file with the token");
  return token.trim();
}

export function loginFile(configFolder: string): string {
  return join(configFolder, "login.json");
}

async function savedLogin(configFolder: string): Promise<SavedLogin | undefined> {
  const file = loginFile(configFolder);
  const text = await readTextIfThere(file);
  return text === undefined ? undefined : (parseRecord(text, file) as SavedLogin);
}

/** A client for the connection. Where a home told of it, a server that came back on another port is found again. */
export function clientFor(connection: Connection, onUpload?: (sentBytes: number) => void): Client {
  const direct = httpTransport(onUpload);
  const { home } = connection;
  const fetch = home === null ? direct : throughHome(home, connection.url, direct);
  return createClient({ url: connection.url, token: connection.token, fetch });
}

function throughHome(home: string, firstUrl: string, direct: Fetch): Fetch {
  let currentUrl = firstUrl;
  return async (url, init) => {
    try {
      return await direct(currentUrl + url.slice(firstUrl.length), init);
    } catch (error) {
      // Whoever asked decides about another try; the next one goes to where the server says it is now.
      currentUrl = (await connectionOfHome(home).catch(() => undefined))?.url ?? currentUrl;
      throw error;
    }
  };
}

/**
 * A better sentence for a failed call: where a home told of the server, that it is not there any more; where the saved
 * login did, that it did. Asked only after a failure, because a process id means nothing across containers that share
 * a home.
 */
export async function explainFailure(error: unknown, connection: Connection, io: CliIo): Promise<unknown> {
  const { home, loginFile: file } = connection;
  if (!(error instanceof ClientError)) return error;
  if (home !== null) return await explainAtHome(error, home, io);
  return file !== null && error.kind !== "problem" ? staleLogin(error.message, file) : error;
}

async function explainAtHome(error: ClientError, home: string, io: CliIo): Promise<unknown> {
  // Whoever has got the port since would refuse the token, or speak another language.
  if (error.kind === "problem" && error.problem?.kind !== "unauthenticated") return error;
  const file = join(home, "server.json");
  const record = await readTextIfThere(file);
  if (record === undefined) return noServerRuns(home, await serveCommand(home, io));
  const { pid } = parseRecord(record, file) as { pid: number };
  // A process that lives where nothing listens has only got the number since.
  if (isAlive(pid) && !neverArrived(error)) return error;
  return serverHasEnded(home, pid, await serveCommand(home, io));
}

/** What starts the server of a home. */
async function serveCommand(home: string, io: CliIo): Promise<string> {
  const isDefault = namedHome({}, io) === undefined && home === (await io.folders()).home;
  return isDefault ? "trainyard serve" : `trainyard serve --home ${shellWord(home)}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
