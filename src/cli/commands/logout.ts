import { rm } from "node:fs/promises";
import { fileNotRemovable } from "../cli-error.ts";
import { say, type Context } from "../context.ts";
import { factOf, isMissing } from "../files.ts";
import type { Program } from "../options.ts";
import { loginFile } from "../session.ts";

export function addLogout(program: Program, context: Context): void {
  program
    .command("logout")
    .summary("forget the saved login")
    .description(
      "Remove the login that 'trainyard login' saved. The token stays valid. Where there is none, nothing is done.",
    )
    .action(async () => {
      const file = loginFile((await context.io.folders()).config);
      const isRemoved = await removeIfThere(file);
      await say(context, isRemoved ? `The saved login is removed (${file}).` : `There is no saved login (${file}).`);
    });
}

async function removeIfThere(file: string): Promise<boolean> {
  try {
    await rm(file);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileNotRemovable(file, factOf(error));
  }
}
