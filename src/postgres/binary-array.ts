/**
 * Arrays as PostgreSQL sends and takes them in binary (array_recv in its src/backend/utils/adt/arrayfuncs.c): as text each
 * element would be escaped here and parsed there. Give the parameter its type in the statement: `$1::text[]`.
 */
const oids = { int8: 20, text: 25, bytea: 17 } as const;
const headerBytes = 20;

export function textArray(values: readonly (string | null)[]): Buffer {
  const bytes = values.map((value) => (value === null ? null : Buffer.from(value)));
  return arrayOf(oids.text, bytes);
}

export function bytesArray(values: readonly Buffer[]): Buffer {
  return arrayOf(oids.bytea, values);
}

export function int8Array(values: readonly (number | bigint)[]): Buffer {
  const buffer = Buffer.allocUnsafe(headerBytes + values.length * 12);
  let at = writeHeader(buffer, oids.int8, { length: values.length, hasNull: false });
  for (const value of values) {
    at = buffer.writeInt32BE(8, at);
    at = buffer.writeBigInt64BE(BigInt(value), at);
  }
  return buffer;
}

function arrayOf(oid: number, values: readonly (Buffer | null)[]): Buffer {
  const size = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), headerBytes);
  const buffer = Buffer.allocUnsafe(size);
  let at = writeHeader(buffer, oid, { length: values.length, hasNull: values.includes(null) });
  for (const value of values) {
    at = buffer.writeInt32BE(value?.length ?? -1, at);
    if (value) at += value.copy(buffer, at);
  }
  return buffer;
}

function writeHeader(
  buffer: Buffer,
  oid: number,
  { length, hasNull }: { length: number; hasNull: boolean },
): number {
  let at = buffer.writeInt32BE(1, 0);
  at = buffer.writeInt32BE(hasNull ? 1 : 0, at);
  at = buffer.writeInt32BE(oid, at);
  at = buffer.writeInt32BE(length, at);
  return buffer.writeInt32BE(1, at);
}
