import type { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { rm } from "../base/world-files.ts";
import { formatBytes } from "../base/byte-size.ts";
import { nearest } from "../base/nearest.ts";
import { MANIFEST_HEADER } from "../contract/routes.ts";
import { definitionSize } from "../domain/definition-content.ts";
import { mediaTypeNotSupported, requestInvalid, requestTooLarge } from "../domain/errors.ts";
import { definitionTooLarge, storeUpload, type UploadedZip } from "./upload-file.ts";

export interface UploadSettings {
  /** The largest model definition ZIP. */
  readonly definitionBytes: number;
  readonly manifestBytes: number;
  /** Where uploads wait to be taken over: under the home, so that they can be renamed into place. */
  readonly temporaryDirectory: string;
}

/** A submission as it arrived: the ZIP in memory or, where it is large, on disk and synced; the manifest in memory. */
export interface Upload {
  readonly zip: UploadedZip;
  readonly manifest: Uint8Array;
  readonly manifestName: string;
}

const DEFAULT_MANIFEST_NAME = "manifest.yaml";
const PART_NAMES = ["manifest", "model_definition"];
/** Boundaries and part headers of a multipart body. */
const MULTIPART_OVERHEAD_BYTES = 65_536;

/** Takes in a submission of either kind. When it fails, nothing stays on disk and the rest of the body is passed over. */
export async function receiveUpload(request: FastifyRequest, settings: UploadSettings): Promise<Upload> {
  try {
    refuseEncoding(request);
    return await (isMultipart(request) ? receiveMultipart(request, settings) : receiveZip(request, settings));
  } catch (error) {
    // Whatever is still on its way is read and dropped: a client that writes without reading would never see the answer.
    request.raw.unpipe();
    request.raw.resume();
    throw error;
  }
}

function isMultipart(request: FastifyRequest): boolean {
  const type = request.raw.headers["content-type"];
  if (type === undefined) throw mediaTypeNotSupported(null, ["multipart/form-data", "application/zip"]);
  return request.isMultipart();
}

function refuseEncoding(request: FastifyRequest): void {
  const encoding = request.raw.headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return;
  throw mediaTypeNotSupported(`compressed with ${encoding}`, ["the body as it is, without Content-Encoding"]);
}

async function receiveZip(request: FastifyRequest, settings: UploadSettings): Promise<Upload> {
  const manifest = manifestFromHeader(request.raw.headers[MANIFEST_HEADER], settings);
  if (announcedBytes(request) > settings.definitionBytes) throw definitionTooLarge(settings.definitionBytes);
  const zip = await receiveDefinition(request.raw, settings);
  return { zip, manifest, manifestName: DEFAULT_MANIFEST_NAME };
}

function manifestFromHeader(header: string | string[] | undefined, settings: UploadSettings): Uint8Array {
  if (typeof header !== "string" || header === "") {
    throw requestInvalid(
      "The request has no header 'Trainyard-Manifest'.",
      "Send the manifest in it as base64, or send multipart/form-data with the parts 'manifest' and 'model_definition'.",
    );
  }
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(header)) {
    throw requestInvalid(
      "The header 'Trainyard-Manifest' is not valid base64.",
      "Encode the manifest's bytes as base64 on one line: base64 -w0 manifest.yaml",
    );
  }
  const manifest = Buffer.from(header, "base64");
  if (manifest.length > settings.manifestBytes) throw manifestTooLarge(settings);
  return manifest;
}

async function receiveMultipart(request: FastifyRequest, settings: UploadSettings): Promise<Upload> {
  const limitBytes = settings.definitionBytes + settings.manifestBytes + MULTIPART_OVERHEAD_BYTES;
  if (announcedBytes(request) > limitBytes) throw requestTooLarge("The request's body", formatBytes(limitBytes));
  let zip: UploadedZip | undefined;
  let manifest: { bytes: Buffer; name: string } | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type !== "file") continue; // Cannot be: every part is set up to come as a file.
      refuseRepetition(part.fieldname, { model_definition: zip, manifest });
      if (part.fieldname === "model_definition") {
        zip = await receiveDefinition(part.file, settings);
      } else {
        manifest = { bytes: await receiveManifest(part.file, settings), name: manifestName(part.filename) };
      }
    }
    if (zip === undefined) throw missingPart("model_definition", "the ZIP with your code");
    if (manifest === undefined) throw missingPart("manifest", "the YAML or JSON text");
  } catch (error) {
    if (zip !== undefined) await discard(zip);
    throw isParserError(error)
      ? requestInvalid(`The multipart body is broken: ${error.message}.`, "Let a library or curl -F make the body.")
      : error;
  }
  return { zip, manifest: manifest.bytes, manifestName: manifest.name };
}

/** Removes what an upload has left on disk, where nobody takes it over. */
export async function discard({ content }: UploadedZip): Promise<void> {
  if (content.kind === "file") await rm(content.path, { force: true });
}

/** The multipart parser's own complaints are bare errors; refusals, trouble with files and lost connections have codes. */
function isParserError(error: unknown): error is Error {
  return error instanceof Error && !("code" in error);
}

async function receiveDefinition(source: Readable, settings: UploadSettings): Promise<UploadedZip> {
  const zip = await storeUpload(source, settings.temporaryDirectory, settings.definitionBytes);
  if (definitionSize(zip.content) > 0) return zip;
  throw requestInvalid("The model definition is empty: it has 0 bytes.", "Send the ZIP with your code.");
}

async function receiveManifest(source: Readable, settings: UploadSettings): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > settings.manifestBytes) throw manifestTooLarge(settings);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function refuseRepetition(name: string, received: Readonly<Record<string, unknown>>): void {
  if (!PART_NAMES.includes(name)) {
    const meant = nearest(name, PART_NAMES);
    throw requestInvalid(
      `The request has a part '${name.slice(0, 80)}', which is not part of a submission.`,
      meant === undefined ? `The parts are ${PART_NAMES.join(" and ")}.` : `Did you mean '${meant}'?`,
    );
  }
  if (received[name] !== undefined) {
    throw requestInvalid(`The request has the part '${name}' more than once.`, "Send one submission per request.");
  }
}

function missingPart(name: string, what: string): Error {
  return requestInvalid(`The request has no part '${name}'.`, `Add ${what} as the part '${name}'.`);
}

function manifestTooLarge(settings: UploadSettings): Error {
  return requestTooLarge("The manifest", formatBytes(settings.manifestBytes));
}

/** The file's name as the client has it, only ever shown back in sentences about the manifest. */
function manifestName(filename: string | undefined): string {
  // eslint-disable-next-line no-control-regex -- these are what must not get through
  const name = (filename ?? "").replaceAll(/[\u0000-\u001f\u007f]/g, "").slice(0, 200);
  return name === "" ? DEFAULT_MANIFEST_NAME : name;
}

/** What the client says it will send; 0 when it does not say. The bytes themselves are counted in any case. */
function announcedBytes(request: FastifyRequest): number {
  return Number(request.raw.headers["content-length"] ?? 0);
}
