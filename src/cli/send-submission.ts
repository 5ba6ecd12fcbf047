import { randomUUID } from "node:crypto";
import { openAsBlob } from "node:fs";
import { ClientError, neverArrived } from "../client/client-error.ts";
import { persist } from "../client/persist.ts";
import type { RunView } from "../contract/run.ts";
import { amendManifest, type Amendment } from "../manifest/amend-manifest.ts";
import { checkSubmission, refuseProblems } from "./check-submission.ts";
import { connect, say, type Context } from "./context.ts";
import { sayRetry } from "./detach.ts";
import { readFilledManifest } from "./filled-manifest.ts";
import { uploadProgress } from "./output/upload-progress.ts";
import { describePlace } from "./report.ts";
import { openDefinition, tellApart } from "./submission.ts";

export interface SendOptions {
  readonly idempotencyKey?: string | undefined;
  readonly isQuiet?: boolean | undefined;
  /** What stands in the place of the manifest's own. */
  readonly amendment?: Amendment;
}

/**
 * Submits a ZIP (or folder) and a manifest. Both are checked here first, so that a mistake costs no upload and is
 * told with the person's own file names.
 */
export async function sendSubmission(
  context: Context,
  first: string,
  second: string,
  options: SendOptions = {},
): Promise<RunView> {
  const files = await tellApart(first, second, context.io);
  const manifest = await readFilledManifest(context, files.manifest);
  await using definition = await openDefinition(files);
  const archive = { path: definition.path, shown: files.definition.shown };
  const checked = await checkSubmission(manifest, archive);
  refuseProblems(checked);
  if (options.isQuiet !== true) {
    for (const warning of checked.warnings) await say(context, `warning: ${describePlace(warning)}`);
  }
  const modelDefinition = await openAsBlob(definition.path);
  // Checked as it was written, so that problems name the person's own lines.
  const amended = Buffer.from(amendManifest(manifest.bytes, options.amendment ?? {}));
  return await upload(context, { manifest: amended, modelDefinition }, options.idempotencyKey ?? randomUUID());
}

/** A connection that breaks is tried again under the same key, so that the same submission never makes two runs. */
async function upload(
  context: Context,
  submission: { readonly manifest: Uint8Array<ArrayBuffer>; readonly modelDefinition: Blob },
  idempotencyKey: string,
): Promise<RunView> {
  const progress = uploadProgress(context.io.stderr, submission.modelDefinition.size);
  const client = await connect(context, progress.report);
  let hasArrived = false;
  try {
    return await persist(() => client.submit({ ...submission, idempotencyKey }), {
      onRetry: sayRetry(context),
      isWorthIt: (error) => {
        // A server that was never reached is not running: waiting for it would only hide that.
        hasArrived ||= !neverArrived(error);
        return hasArrived && error instanceof ClientError && error.kind === "unreachable";
      },
    });
  } finally {
    await progress.end();
  }
}
