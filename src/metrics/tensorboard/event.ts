import { fieldsOf, type Field } from "./protobuf.ts";

/** The scalars of one event. */
export interface ScalarEvent {
  /** Seconds since 1970, as the program's clock said. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: readonly { readonly tag: string; readonly value: number }[];
}

const SCALARS_PLUGIN = "scalars";

/**
 * Reads an `Event` of `tensorflow/core/util/event.proto`; null when it holds no scalar (the file's version, a graph, an
 * image). Scalars come as `simple_value`, as TensorFlow 1 and torch write them, or as a tensor of one number under the
 * plugin `scalars`, as TensorFlow 2 does. Throws a `RangeError` for bytes that are no message.
 */
export function readEvent(message: Buffer): ScalarEvent | null {
  let wallTime = 0;
  let step = 0;
  const scalars: { tag: string; value: number }[] = [];
  for (const field of fieldsOf(message)) {
    if (field.number === 1 && field.type === "fixed64") wallTime = field.bytes.readDoubleLE();
    if (field.number === 2 && field.type === "varint") step = Number(BigInt.asIntN(64, field.value));
    if (field.number === 5 && field.type === "bytes") {
      for (const part of fieldsOf(field.bytes)) {
        const scalar = part.number === 1 && part.type === "bytes" ? readValue(part.bytes) : null;
        if (scalar !== null) scalars.push(scalar);
      }
    }
  }
  return scalars.length === 0 ? null : { wallTime, step, scalars };
}

/** A `Summary.Value`: tag 1, simple_value 2, tensor 8, metadata 9. */
function readValue(message: Buffer): { tag: string; value: number } | null {
  let tag = "";
  let simple: number | null = null;
  let tensor: number | null = null;
  let plugin: string | null = null;
  for (const field of fieldsOf(message)) {
    if (field.type === "fixed32" && field.number === 2) simple = field.bytes.readFloatLE();
    if (field.type !== "bytes") continue;
    if (field.number === 1) tag = field.bytes.toString("utf8");
    if (field.number === 8) tensor = readTensor(field.bytes);
    if (field.number === 9) plugin = readPlugin(field.bytes);
  }
  if (simple !== null) return { tag, value: simple };
  // TensorFlow 2 names the plugin only in a tag's first summary; text and images are never a tensor of one number.
  return tensor !== null && (plugin === null || plugin === SCALARS_PLUGIN) ? { tag, value: tensor } : null;
}

/** `SummaryMetadata.plugin_data.plugin_name` */
function readPlugin(message: Buffer): string | null {
  for (const field of fieldsOf(message)) {
    if (field.number !== 1 || field.type !== "bytes") continue;
    for (const part of fieldsOf(field.bytes)) {
      if (part.number === 1 && part.type === "bytes") return part.bytes.toString("utf8");
    }
  }
  return null;
}

const FLOAT = 1;
const DOUBLE = 2;
const INT32 = 3;
const INT64 = 9;
const HALF = 19;
const BFLOAT16 = 14;

/** A `TensorProto` of exactly one number; null for every other. Its shape is 2, its type 1, its content 4 or a typed list. */
function readTensor(message: Buffer): number | null {
  let type = 0;
  let content: Buffer | null = null;
  const listed: number[] = [];
  for (const field of fieldsOf(message)) {
    if (field.number === 1 && field.type === "varint") type = Number(field.value);
    if (field.number === 2 && field.type === "bytes" && !isOfOneNumber(field.bytes)) return null;
    if (field.number === 4 && field.type === "bytes") content = field.bytes;
    listed.push(...readListed(field));
  }
  if (content !== null && content.length > 0) return readContent(content, type);
  return listed.length === 1 ? (listed[0] as number) : null;
}

/** A `TensorShapeProto` whose dimensions, if any, all have size 1. */
function isOfOneNumber(message: Buffer): boolean {
  for (const field of fieldsOf(message)) {
    if (field.number !== 2 || field.type !== "bytes") continue;
    for (const part of fieldsOf(field.bytes)) {
      if (part.number === 1 && part.type === "varint" && part.value !== 1n) return false;
    }
  }
  return true;
}

function readContent(content: Buffer, type: number): number | null {
  if (type === FLOAT && content.length === 4) return content.readFloatLE();
  if (type === DOUBLE && content.length === 8) return content.readDoubleLE();
  if (type === INT32 && content.length === 4) return content.readInt32LE();
  if (type === INT64 && content.length === 8) return Number(content.readBigInt64LE());
  if (type === BFLOAT16 && content.length === 2) return Buffer.from([0, 0, ...content]).readFloatLE();
  if (type === HALF && content.length === 2) return readHalf(content.readUInt16LE());
  return null;
}

/** float_val 5, double_val 6, int_val 7, int64_val 10; packed or one by one. */
function readListed(field: Field): number[] {
  if (field.type === "fixed32" && field.number === 5) return [field.bytes.readFloatLE()];
  if (field.type === "fixed64" && field.number === 6) return [field.bytes.readDoubleLE()];
  if (field.type === "varint" && (field.number === 7 || field.number === 10)) {
    return [Number(BigInt.asIntN(64, field.value))];
  }
  if (field.type !== "bytes") return [];
  if (field.number === 5 && field.bytes.length === 4) return [field.bytes.readFloatLE()];
  if (field.number === 6 && field.bytes.length === 8) return [field.bytes.readDoubleLE()];
  return [];
}

/** IEEE 754 binary16. */
function readHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
