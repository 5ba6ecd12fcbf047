import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { cloneView, copyView, whyNoClones } from "./copied-view.ts";
import type { ChosenView } from "./data-view.ts";
import { overlayView, whyNoOverlay } from "./overlay-view.ts";

/**
 * The best means of this machine, by trying each in `temporary`, a folder of the home. Hard links are none: a program
 * under the server's account may write through a link, and root through any.
 */
export async function chooseView(home: string, temporary: string): Promise<ChosenView> {
  const noOverlay = await whyNoOverlay(home, join(temporary, randomUUID()));
  if (noOverlay === null) return { view: overlayView(home), refused: [] };
  const noClones = await whyNoClones(join(temporary, randomUUID()));
  if (noClones === null) return { view: cloneView(), refused: [noOverlay] };
  return { view: copyView(), refused: [noOverlay, noClones] };
}
