import { existsSync, readFileSync } from "node:fs";
import { productVersion } from "../product-version.ts";

const NOT_RECORDED = "not recorded";

/** What `bx ml version` prints. Packages carry neither fact, so that the same sources give the same package. */
export function bxVersion(): string {
  const commit = checkedOutCommit(new URL("../../../.git/", import.meta.url)) ?? NOT_RECORDED;
  return `Git Commit Hash: ${commit}\nUTC Build Time : ${NOT_RECORDED}\nPlugin Version : ${productVersion()} (Trainyard)\n`;
}

/** The commit of the checkout that this program runs from; undefined where it runs from a package. */
function checkedOutCommit(git: URL): string | undefined {
  const textOf = (name: string): string => {
    const file = new URL(name, git);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  };
  const [, reference] = /^ref: (\S+)/.exec(textOf("HEAD")) ?? [];
  if (reference === undefined) return /^[0-9a-f]{40,64}/.exec(textOf("HEAD"))?.[0];
  const packed = textOf("packed-refs")
    .split("\n")
    .find((line) => line.endsWith(` ${reference}`));
  return /^[0-9a-f]{40,64}/.exec(textOf(reference) || (packed ?? ""))?.[0];
}
