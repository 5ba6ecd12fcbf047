/** Something the person at the terminal can act on. Made by the named functions below, beside what the client reports. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: number;
  /** What to do; empty when the sentence says it all. */
  readonly hint: string;
  /** Lines between sentence and hint: places in a manifest, ids that matched. */
  readonly lines: readonly string[];

  constructor(exitCode: number, message: string, hint = "", lines: readonly string[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
    this.lines = lines;
  }
}

/** The reader of our output has gone (`| head`). Not an error: there is nobody left to tell. */
export class ClosedOutput extends Error {
  override readonly name = "ClosedOutput";
}

/** Ctrl-C while waiting. The run goes on; `hint` says how to come back. */
export function detached(message: string, hint: string): CliError {
  return new CliError(130, message, hint);
}

export function fileNotFound(path: string, what: string): CliError {
  return new CliError(2, `There is no file '${path}' (wanted as ${what}).`, "Check the path.");
}

export function fileNotReadable(path: string, fact: string): CliError {
  return new CliError(2, `'${path}' cannot be read: ${fact}.`, "Check the path and its permissions.");
}

export function fileNotRemovable(path: string, fact: string): CliError {
  return new CliError(1, `'${path}' cannot be removed: ${fact}.`, "Check the permissions of its folder.");
}

export function wrongUse(message: string, hint: string): CliError {
  return new CliError(2, message, hint);
}

export function onlyDefinition(path: string): CliError {
  return wrongUse(
    `'${path}' is a model definition, and there is no manifest with it.`,
    "Give the manifest too (YAML or JSON).",
  );
}

export function notAManifest(path: string): CliError {
  return wrongUse(
    `'${path}' is a folder and cannot be the manifest.`,
    "Give a model definition and a manifest (YAML or JSON).",
  );
}

/** A script's variable without a value, say. */
export function emptyId(): CliError {
  return wrongUse("The run's id is empty.", "Give an id, the beginning of one, or @ for the newest run.");
}

export function noRunWith(text: string): CliError {
  return new CliError(
    3,
    `No run's id begins with '${text}'.`,
    "List the runs to see the ids there are (trainyard list); details are kept for a limited time after a run's end.",
  );
}

/** `until` is null where the server does not say. */
export function runIsDeleted(id: string, until: string | null): CliError {
  return new CliError(
    3,
    `Run '${id}' is deleted.`,
    `Until ${until ?? "it goes"} this takes it back: trainyard undelete ${id}`,
  );
}

export function noDeletedRunWith(text: string): CliError {
  return new CliError(
    3,
    `No deleted run's id begins with '${text}'.`,
    "List those that can be taken back: trainyard list --deleted",
  );
}

export function runNotDeleted(id: string): CliError {
  return new CliError(5, `Run '${id}' is not deleted.`, "List those that can be taken back: trainyard list --deleted");
}

export function noRunDeleted(): CliError {
  return new CliError(
    3,
    "There is no deleted run, so '@' (the last one deleted) means none.",
    "List the runs: trainyard list",
  );
}

export function noRunYet(): CliError {
  return new CliError(3, "There is no run yet, so '@' (the newest run) means none.", "Submit one: trainyard submit");
}

export function ambiguousId(text: string, candidates: readonly string[], isMore: boolean): CliError {
  const lines = isMore ? [...candidates, "…"] : candidates;
  const count = isMore ? `more than ${candidates.length}` : String(candidates.length);
  return new CliError(5, `'${text}' is the beginning of ${count} runs' ids.`, "Give more characters of the id.", lines);
}

export function noServerKnown(): CliError {
  return new CliError(
    6,
    "No server is known here: TRAINYARD_HOME and TRAINYARD_URL are not set, there is no saved login, and no server runs for the default home.",
    "Start one on this machine (trainyard serve), or log in to one elsewhere (trainyard login --url URL).",
  );
}

/** Nobody has started one, or it was asked to end. `start` is the command that starts it. */
export function noServerRuns(home: string, start: string): CliError {
  return new CliError(6, `No server runs for the home '${home}'.`, `Start one: ${start}`);
}

/** It left word of itself and is gone: it was killed, or the machine was started anew. */
export function serverHasEnded(home: string, pid: number, start: string): CliError {
  return new CliError(
    6,
    `The server of the home '${home}' is not running; it ended unexpectedly (its last process was ${pid}).`,
    `Start it again: ${start}`,
  );
}

/** A login that was saved long ago wins over the server that runs for the default home. `fact` is a whole sentence. */
export function staleLogin(fact: string, file: string): CliError {
  return new CliError(
    6,
    `${fact} The address is that of the saved login, in the file ${file}.`,
    "Start that server; or remove the saved login (trainyard logout), or name another server (--url, --home).",
  );
}

export function tokenMissing(url: string): CliError {
  return new CliError(
    4,
    `There is no token for the server at ${url}.`,
    "Set TRAINYARD_TOKEN (for the address in ML_ENV: ML_PASSWORD), give trainyard --token-file FILE, or save one with 'trainyard login --url URL'.",
  );
}
