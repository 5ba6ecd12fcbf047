import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CliError, wrongUse } from "../cli-error.ts";
import type { Context } from "../context.ts";
import { factOf } from "../files.ts";
import { orList, unknownNoun } from "./bx-nouns.ts";
import { SAMPLE_MANIFESTS } from "./bx-sample-manifests.ts";

const KNOWN = Object.keys(SAMPLE_MANIFESTS);

/** Writes the noun's sample into the current folder, where no file of that name is yet. */
export async function generateManifest(context: Context, noun: string | undefined): Promise<void> {
  const { io } = context;
  if (noun === undefined) {
    const hint = `Write: bx ml generate-manifest ${orList(KNOWN)}`;
    throw wrongUse("'bx ml generate-manifest' needs to be told of what.", hint);
  }
  const text = Object.hasOwn(SAMPLE_MANIFESTS, noun) ? SAMPLE_MANIFESTS[noun] : undefined;
  if (text === undefined) throw unknownNoun(noun, "generate-manifest", KNOWN);
  const name = `${noun}.yml`;
  try {
    await writeFile(join(io.cwd, name), text, { flag: "wx" });
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    if (!isThere) throw new CliError(1, `'${name}' cannot be written: ${factOf(error)}.`, "Try it in another folder.");
    throw new CliError(1, `There is a '${name}' here already, and it is left as it is.`, "Rename it or go elsewhere.");
  }
  await io.stdout.write(`OK\nA sample manifest file is generated under ${name}\n`);
}
