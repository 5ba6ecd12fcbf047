/** One field of a message; a group (types 3 and 4) is not part of protocol 3 and ends the reading. */
export type Field =
  | { readonly number: number; readonly type: "varint"; readonly value: bigint }
  | { readonly number: number; readonly type: "fixed64" | "fixed32" | "bytes"; readonly bytes: Buffer };

/**
 * The fields of a protocol-buffer message in the order of the wire (protobuf.dev, "Encoding"). Throws a `RangeError`
 * where the message is cut short or malformed.
 */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message.readUInt8(at);
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError("A varint is longer than ten bytes.");
  };
  const take = (length: number): Buffer => {
    if (length > message.length - at) throw new RangeError("A field is longer than its message.");
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, type: "varint", value: varint() };
        break;
      case 1:
        yield { number, type: "fixed64", bytes: take(8) };
        break;
      case 2:
        yield { number, type: "bytes", bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number, type: "fixed32", bytes: take(4) };
        break;
      default:
        throw new RangeError(`A field has the unknown wire type ${tag & 7n}.`);
    }
  }
}
