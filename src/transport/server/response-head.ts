import type { HeaderList } from '#core/head.ts';

const { STATUS_CODES } = process.getBuiltinModule('node:http');
const field = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*$/;
const illegal = /[^\t\x20-\x7e\x80-\xff]/g;
const illegalName = /[^!#$%&'*+.^_`|~0-9A-Za-z-]/g;

let dateSecond = 0;
let dateLine = '';

/** `date: …` of now (RFC 9110 §6.6.1), made once a second. */
function renderDate(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `date: ${new Date(nowMs).toUTCString()}\r\n`;
  }
  return dateLine;
}

/**
 * Status line and header block without the empty line, as latin1 text. Characters that no header can carry, with which a
 * value could pretend to be another header, become `?`: at this place refusing would leave the client without an answer.
 */
export function renderResponseHead(status: number, headers: HeaderList): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
  let dated = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const line = `${name}: ${headers[i + 1]!}`;
    if (name === 'date') dated = true;
    head += `${field.test(line) ? line : cleaned(name, headers[i + 1]!)}\r\n`;
  }
  return dated ? head : head + renderDate();
}

const cleaned = (name: string, value: string): string =>
  `${name.replace(illegalName, '-')}: ${value.replace(illegal, '?')}`;
