import { lstat, realpath, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { codeOf } from "../file-trouble.ts";
import { RemoteError } from "../remote-error.ts";

/**
 * The real path of an object's file. A link is followed only to a file of the same bucket; `name` begins the sentence
 * that says why not: `Object 'x' of bucket 'y'`. Where nothing is, the file system's own error is thrown.
 */
export async function resolveObject(bucket: string, path: string, name: string): Promise<string> {
  const expected = join(bucket, path);
  const actual = await realpath(expected).catch(async (error: unknown) => {
    if (codeOf(error) === "ENOENT" && (await isLink(expected))) throw badLink(name, "leads nowhere");
    throw error;
  });
  if (!actual.startsWith(bucket + sep)) throw badLink(name, "leads out of the bucket");
  if (actual !== expected && (await stat(actual)).isDirectory()) throw badLink(name, "leads to a folder");
  return actual;
}

async function isLink(path: string): Promise<boolean> {
  const facts = await lstat(path).catch(() => undefined); // Absent is no link.
  return facts?.isSymbolicLink() ?? false;
}

function badLink(name: string, fact: string): RemoteError {
  return new RemoteError("invalid", `${name} is a symbolic link that ${fact}; put a copy there.`, { retryable: false });
}
