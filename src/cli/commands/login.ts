import { createClient } from "../../client/client.ts";
import { wrongUse } from "../cli-error.ts";
import { say, type Context } from "../context.ts";
import { httpTransport } from "../http-transport.ts";
import type { Program } from "../options.ts";
import { writePrivateFile } from "../private-file.ts";
import { checkedUrl, loginFile, tokenIn, type SavedLogin } from "../session.ts";

export function addLogin(program: Program, context: Context): void {
  program
    .command("login")
    .summary("remember a server and its token")
    .description(
      "Remember a server and a token for later commands. Takes --url, and the token from --token-file or from stdin. " +
        "Both are tried first, then kept in a file that only you can read.",
    )
    .action(async () => {
      const { io, flags } = context;
      if (flags.url === undefined)
        throw wrongUse("login needs the server's address.", "Write: trainyard login --url URL");
      const url = checkedUrl(flags.url);
      const token = flags.tokenFile === undefined ? await askToken(context) : await tokenIn(flags.tokenFile, io);
      if (token === "") throw wrongUse("The token is empty.", "Give it in a file (--token-file FILE) or on stdin.");
      await createClient({ url, token, fetch: httpTransport() }).call("listRuns", { query: { limit: 1 } });
      const file = loginFile((await io.folders()).config);
      await writePrivateFile(file, { url, token } satisfies SavedLogin);
      await say(context, `Logged in to ${url}. The token is kept in ${file}.`);
    });
}

async function askToken(context: Context): Promise<string> {
  if (context.io.stderr.isTty) await say(context, "Paste the token, press Enter, then Ctrl-D:");
  return (await context.io.readStdin()).trim();
}
