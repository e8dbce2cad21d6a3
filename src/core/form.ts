/**
 * Forms with files (multipart/form-data, RFC 7578; its framing is RFC 2046 §5.1), read in their own bytes: so that a field
 * can be changed and all else stays as it came.
 */
import type { JsonObject } from './call.ts';
import { Fault } from './fault.ts';
import type { FieldSpan } from './json.ts';

export interface Form {
  /** As the client said it, with the boundary. */
  readonly contentType: string;
  readonly boundary: string;
  /** Texts as strings, what comes more than once (or under a name that ends in `[]`) as a list, files as `FormFile`. */
  readonly json: JsonObject;
  /** Of the contents; `start` is where the part's delimiter begins. */
  readonly fields: readonly FieldSpan[];
  /** Where the last delimiter begins. */
  readonly end: number;
}

/** A file in a form: what of it the gateway knows. */
export interface FormFile {
  readonly filename: string;
  readonly mediaType: string;
  readonly bytes: number;
}

/** Nobody's form has more. */
const mostParts = 1000;
/** Of the head of one part. */
const mostHeadBytes = 16 * 1024;

/** Null where the type says that it is none. @throws Fault `request/body-not-form` without a boundary. */
export function boundaryOf(contentType: string | undefined): string | null {
  if (contentType === undefined || !/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return null;
  const found = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  const boundary = found?.[1] ?? found?.[2] ?? '';
  // RFC 2046 §5.1.1.
  if (!/^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/.test(boundary))
    throw notForm('its content-type names no boundary of 1 to 70 permitted characters');
  return boundary;
}

/** @throws Fault `request/body-not-form`. */
export function parseForm(bytes: Buffer, contentType: string, boundary: string): Form {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  const fields: FieldSpan[] = [];
  const json = Object.create(null) as Record<string, unknown>;
  let at = firstDelimiter(bytes, delimiter);
  for (;;) {
    const lineEnd = at + delimiter.length;
    if (bytes.toString('latin1', lineEnd, lineEnd + 2) === '--') {
      if (fields.length === 0) throw notForm('it has no parts');
      return { contentType, boundary, json, fields, end: at };
    }
    const head = readHead(bytes, lineEnd);
    const end = bytes.indexOf(delimiter, head.end - 2);
    if (end < 0) throw notForm('it ends within a part');
    // An empty part: its delimiter shares the line break that ends its head.
    const valueEnd = Math.max(end, head.end);
    if (fields.length >= mostParts) throw notForm(`it has more than ${mostParts} parts`);
    fields.push({ key: head.name, start: at, valueStart: head.end, valueEnd });
    put(json, head, bytes.subarray(head.end, valueEnd));
    at = end;
  }
}

/** The first stands at the very beginning, or after a preamble. */
function firstDelimiter(bytes: Buffer, delimiter: Buffer): number {
  const bare = delimiter.subarray(2);
  if (bytes.subarray(0, bare.length).equals(bare)) return -2;
  const at = bytes.indexOf(delimiter);
  if (at < 0) throw notForm('its boundary does not occur in it');
  return at;
}

interface PartHead {
  readonly name: string;
  readonly filename: string | null;
  readonly mediaType: string;
  readonly end: number;
}

function readHead(bytes: Buffer, from: number): PartHead {
  const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
  if (end < 0 || end - from > mostHeadBytes) throw notForm('a part has no head, or one that does not end');
  const lines = bytes.toString('utf8', from, end).split('\r\n');
  // Blanks may follow a delimiter (RFC 2046 §5.1.1), and nothing else.
  if (lines[0]!.trim() !== '') throw notForm('something other than a line break follows a delimiter');
  let disposition = '';
  let mediaType = 'text/plain';
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === 'content-disposition') disposition = value;
    else if (name === 'content-type') mediaType = value.toLowerCase();
    else if (name === 'content-transfer-encoding' && !/^(?:7bit|8bit|binary)$/i.test(value))
      throw notForm(`a part has the transfer encoding "${value.slice(0, 40)}"`);
  }
  const name = parameterOf(disposition, 'name');
  if (!/^form-data\s*;/i.test(disposition) || name === null)
    throw notForm('a part has no "Content-Disposition: form-data" with a name');
  return { name, filename: parameterOf(disposition, 'filename'), mediaType, end: end + 4 };
}

/** A name that stands twice is one that two servers read differently. */
function parameterOf(disposition: string, name: string): string | null {
  const found = [
    ...disposition.matchAll(new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]*))`, 'gi')),
  ];
  if (found.length > 1) throw notForm(`a part says "${name}" twice`);
  const [match] = found;
  if (!match) return null;
  return match[1] === undefined ? match[2]! : match[1].replace(/\\(.)/g, '$1').replaceAll('%22', '"');
}

function put(json: Record<string, unknown>, head: PartHead, content: Buffer): void {
  const value =
    head.filename === null
      ? content.toString('utf8')
      : ({ filename: head.filename, mediaType: head.mediaType, bytes: content.length } satisfies FormFile);
  const isList = head.name.endsWith('[]');
  const key = isList ? head.name.slice(0, -2) : head.name;
  const known = json[key];
  if (known === undefined) json[key] = isList ? [value] : value;
  else if (Array.isArray(known)) known.push(value);
  else json[key] = [known, value];
}

/** The form with some fields set to a JSON text (strings as they are) or removed (null). A field that is not there is added. */
export function spliceForm(bytes: Buffer, form: Form, edits: ReadonlyMap<string, string | null>): Buffer {
  const pieces: (Buffer | string)[] = [];
  let copied = 0;
  for (const [i, field] of form.fields.entries()) {
    const edit = edits.get(field.key);
    if (edit === undefined) continue;
    const next = form.fields[i + 1]?.start ?? form.end;
    if (edit === null) {
      pieces.push(bytes.subarray(copied, Math.max(0, field.start)));
      copied = Math.max(0, next);
      continue;
    }
    pieces.push(bytes.subarray(copied, field.valueStart), textOf(edit));
    copied = field.valueEnd;
  }
  const tail = Math.max(copied, Math.max(0, form.end));
  pieces.push(bytes.subarray(copied, tail));
  for (const [key, edit] of edits) {
    if (edit === null || form.fields.some((field) => field.key === key)) continue;
    pieces.push(
      `\r\n--${form.boundary}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${textOf(edit)}`,
    );
  }
  pieces.push(bytes.subarray(tail));
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}

function textOf(json: string): string {
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' ? value : json;
}

const notForm = (why: string): Fault =>
  new Fault('request/body-not-form', `The body is no multipart/form-data as RFC 7578 has it: ${why}.`);
