import { ClosedOutput } from "./cli-error.ts";

/** Where text goes. Writes are in order; a write rejects with `ClosedOutput` once the reader has gone. */
export interface Output {
  readonly isTty: boolean;
  /** Colours are wanted: a terminal, and nobody set NO_COLOR. */
  readonly hasColor: boolean;
  readonly columns: number | undefined;
  write(chunk: string | Uint8Array): Promise<void>;
}

/** The world around one command line, handed in so that tests can own it. */
export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readStdin(): Promise<string>;
  /** What is typed after the prompt, unseen; all of stdin where it is no terminal. */
  readSecret(prompt: string): Promise<string>;
  now(): Date;
  /** Calls back on Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(callback: () => void): () => void;
  /** Where this user's home of the service and saved login are when nothing else is said. */
  folders(): Promise<UserFolders>;
}

export interface UserFolders {
  readonly home: string;
  readonly config: string;
}

export function processIo(): CliIo {
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    readStdin,
    readSecret: async (prompt) => {
      if (!process.stdin.isTTY) return await readStdin();
      return await (await import("./hidden-line.ts")).readHiddenLine(prompt);
    },
    now: () => new Date(),
    onInterrupt: (callback) => {
      process.once("SIGINT", callback);
      return () => process.off("SIGINT", callback);
    },
    folders: async () => {
      const { default: envPaths } = await import("env-paths");
      const { data, config } = envPaths("trainyard", { suffix: "" });
      return { home: data, config };
    },
  };
}

async function readStdin(): Promise<string> {
  let text = "";
  for await (const chunk of process.stdin.setEncoding("utf8")) text += chunk as string;
  return text;
}

function outputOf(stream: NodeJS.WriteStream): Output {
  // Without a listener Node makes a crash of a reader that has gone (`trainyard logs ID | head`).
  stream.on("error", () => {});
  return {
    isTty: stream.isTTY,
    hasColor: wantsColor(stream.isTTY),
    get columns() {
      return stream.isTTY ? stream.columns : undefined;
    },
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stream.write(chunk, (error) => {
          if (!error) return resolve();
          reject("code" in error && error.code === "EPIPE" ? new ClosedOutput() : error);
        });
      }),
  };
}

function wantsColor(isTty: boolean): boolean {
  // https://no-color.org: set and not empty.
  if ((process.env["NO_COLOR"] ?? "") !== "") return false;
  return isTty && process.env["TERM"] !== "dumb";
}
