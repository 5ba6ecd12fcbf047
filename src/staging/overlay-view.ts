import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { mkdir, rename, rm, writeFile } from "../base/world-files.ts";
import { mountsBelow, runTool, unmountBelow } from "../base/mounts.ts";
import type { DataView, ViewPlace } from "./data-view.ts";

/**
 * A kernel overlay: the tree below, which the kernel never writes to, the run's own changes above. Costs one mount
 * whatever the number of files, and disk only for what the program changes. Needs the right to mount, and a file
 * system that can lie above (an overlay itself cannot).
 *
 * `redirect_dir` lets a program rename folders of the data, `metacopy` lets it change modes without a copy.
 */
export function overlayView(home: string): DataView {
  const mount = async (files: string, { data, changes }: ViewPlace): Promise<void> => {
    const [upper, work] = [join(changes, "upper"), join(changes, "work")];
    for (const folder of [data, upper, work]) await mkdir(folder, { recursive: true });
    // Relative names: a home with a comma or colon in its path would end the option.
    const layers = Object.entries({ lowerdir: files, upperdir: upper, workdir: work });
    const options = [...layers.map(([option, path]) => `${option}=${relative(home, path)}`), "redirect_dir=on"];
    const asked = ["-t", "overlay", "trainyard", "-o", [...options, "metacopy=on"].join(","), data];
    const ended = await runTool("mount", asked, home);
    if (!ended.ok) throw new Error(`An overlay cannot be mounted: ${reasonIn(ended.message, data)}`);
  };
  return {
    name: "an overlay",
    leansOnTree: true,
    show: mount,
    isShown: async ({ data }) => (await mountsBelow(data)).length > 0,
    showAgain: mount,
  };
}

/** `mount: PATH: must be superuser to use mount.` and an advice about dmesg. */
function reasonIn(said: string, path: string): string {
  const [first = ""] = said.split("\n");
  const reason = first.replace(/^mount: /, "").replace(`${path}: `, "");
  return /[.!]$/.test(reason) ? reason : `${reason}.`;
}

/** Why there can be no overlay here; null when one did what it is for. */
export async function whyNoOverlay(home: string, folder: string): Promise<string | null> {
  const [files, place] = [join(folder, "files"), { data: join(folder, "data"), changes: join(folder, "changes") }];
  try {
    await mkdir(join(files, "in"), { recursive: true });
    await writeFile(join(files, "a"), "below");
    await overlayView(home).showAgain(files, place);
    await writeFile(join(place.data, "a"), "above");
    await rename(join(place.data, "in"), join(place.data, "renamed"));
    const below = await readFile(join(files, "a"), "utf8");
    return below === "below" ? null : "An overlay writes through to the files below it.";
  } catch (error) {
    return (error as Error).message;
  } finally {
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true });
  }
}
