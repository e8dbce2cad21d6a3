import type { Field, FieldKind, Message } from './fields.ts';

/** A message in its JSON form. Members that are undefined are left out. */
export type MessageJson = { readonly [name: string]: unknown };

/** Bytes of a message of protocol buffers (https://protobuf.dev/programming-guides/encoding/). @throws RangeError for a member it has not. */
export function encodeProtobuf(json: MessageJson, message: Message): Buffer {
  const writer = new Writer();
  writeMessage(writer, json, message);
  return writer.bytes();
}

const varint = 0;
const bits64 = 1;
const delimited = 2;
const bits32 = 5;

function writeMessage(writer: Writer, json: MessageJson, { fields }: Message): void {
  for (const [name, value] of Object.entries(json)) {
    if (value === undefined || value === null) continue;
    const field = fields[name];
    if (!field) throw new RangeError(`the message has no field "${name}"`);
    if (field.repeated) writeRepeated(writer, value as readonly unknown[], field);
    else writeField(writer, value, field);
  }
}

/** Numbers are packed; everything else stands one by one. */
function writeRepeated(writer: Writer, values: readonly unknown[], field: Field): void {
  const { kind, number } = field;
  if (kind !== 'fixed64' && kind !== 'double') {
    for (const value of values) writeField(writer, value, field);
    return;
  }
  if (values.length === 0) return;
  writer.tag(number, delimited);
  const at = writer.begin();
  for (const value of values) writeValue(writer, value, kind);
  writer.end(at);
}

function writeField(writer: Writer, value: unknown, { kind, number }: Field): void {
  writer.tag(number, wireTypeOf(kind));
  if (typeof kind !== 'object') return writeValue(writer, value, kind);
  const at = writer.begin();
  writeMessage(writer, value as MessageJson, kind);
  writer.end(at);
}

function wireTypeOf(kind: FieldKind): number {
  if (kind === 'bool' || kind === 'int64' || kind === 'uint32') return varint;
  if (kind === 'fixed64' || kind === 'double') return bits64;
  return kind === 'fixed32' ? bits32 : delimited;
}

function writeValue(writer: Writer, value: unknown, kind: Exclude<FieldKind, Message>): void {
  switch (kind) {
    case 'string':
      return writer.text(value as string, 'utf8');
    case 'hex':
      return writer.text(value as string, 'hex');
    case 'bool':
      return writer.varint(value ? 1 : 0);
    case 'uint32':
      return writer.varint(value as number);
    case 'int64':
      return writer.bigVarint(BigInt.asUintN(64, BigInt(value as string)));
    case 'fixed32':
      return writer.fixed32(value as number);
    case 'fixed64':
      return writer.fixed64(BigInt(value as string));
    case 'double':
      return writer.double(value as number);
  }
}

/** Bytes that grow by doubling. */
class Writer {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  tag(number: number, type: number): void {
    this.varint(number * 8 + type);
  }

  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  bigVarint(value: bigint): void {
    if (value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value));
      return;
    }
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeBigUInt64LE(value, this.#length);
  }

  double(value: number): void {
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  text(text: string, encoding: 'utf8' | 'hex'): void {
    const bytes = Buffer.byteLength(text, encoding);
    this.varint(bytes);
    this.#reserve(bytes);
    this.#length += this.#bytes.write(text, this.#length, bytes, encoding);
  }

  /** A part whose length is not known yet: its bytes are moved when it is. */
  begin(): number {
    return this.#length;
  }

  end(from: number): void {
    const length = this.#length - from;
    const head = lengthOfVarint(length);
    this.#reserve(head);
    this.#bytes.copyWithin(from + head, from, this.#length);
    this.#length = from;
    this.varint(length);
    this.#length = from + head + length;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function lengthOfVarint(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) length++;
  return length;
}
