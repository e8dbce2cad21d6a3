/** Formats that are held to (JSON Schema 2020-12 validation §7.3, and those of OpenAPI); others say nothing. All take linear time. */

type Format = (value: unknown) => boolean;

const text =
  (holds: (text: string) => boolean): Format =>
  (value) =>
    typeof value !== 'string' || holds(value);
const number =
  (holds: (value: number) => boolean): Format =>
  (value) =>
    typeof value !== 'number' || holds(value);

const dateParts = /^(\d{4})-(\d\d)-(\d\d)$/;
const timeParts = /^(\d\d):(\d\d):(\d\d)(?:\.\d{1,30})?(?:z|([+-])(\d\d):(\d\d))$/i;

function isDate(date: string): boolean {
  const parts = dateParts.exec(date);
  if (!parts) return false;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]!;
}

/** A leap second is one only at the end of a day in UTC. */
function isTime(time: string): boolean {
  const parts = timeParts.exec(time);
  if (!parts) return false;
  const [hour, minute, second] = parts.slice(1, 4).map(Number) as [number, number, number];
  const [offsetHour, offsetMinute] = [Number(parts[5] ?? 0), Number(parts[6] ?? 0)];
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return false;
  if (second < 60) return true;
  const offset = (parts[4] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute);
  return (hour * 60 + minute - offset + 2880) % 1440 === 1439;
}

function isDateTime(moment: string): boolean {
  const at = moment.charAt(10);
  return (at === 'T' || at === 't') && isDate(moment.slice(0, 10)) && isTime(moment.slice(11));
}

const isIpv4 = (address: string): boolean => {
  const parts = address.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
};

function isIpv6(address: string): boolean {
  if (address.length > 45) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const all = groups.flat();
  let count = 0;
  for (const [i, group] of all.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) count++;
    // The last two groups may be written as an IPv4 address.
    else if (i === all.length - 1 && address.endsWith(group) && isIpv4(group)) count += 2;
    else return false;
  }
  return halves.length === 2 ? count < 8 : count === 8;
}

const isHostname = (name: string): boolean =>
  name.length <= 253 &&
  name.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));

function isEmail(address: string): boolean {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const host = address.slice(at + 1);
  if (at < 1 || address.length > 320) return false;
  const isPlain = /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]+$/i.test(local) && !/^\.|\.\.|\.$/.test(local);
  if (!isPlain && !/^"(?:[^"\\\r\n]|\\[^\r\n])*"$/.test(local)) return false;
  if (!host.startsWith('[')) return isHostname(host);
  const literal = /^\[(IPv6:)?([^\]]*)\]$/i.exec(host);
  return literal !== null && (literal[1] === undefined ? isIpv4(literal[2]!) : isIpv6(literal[2]!));
}

const uriCharacters = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})*$/i;

function isUriReference(uri: string): boolean {
  if (!uriCharacters.test(uri) || uri.indexOf('#') !== uri.lastIndexOf('#')) return false;
  const [, rest] = /^(?:[a-z][a-z0-9+.-]*:)?([^?#]*)/i.exec(uri)!;
  const authority = /^\/\/([^/]*)/.exec(rest!)?.[1];
  const [hostAndPort, path] =
    authority === undefined
      ? ['', rest!]
      : [authority.slice(authority.lastIndexOf('@') + 1), rest!.slice(2 + authority.length)];
  // Brackets are of addresses only.
  if (/[[\]]/.test(path)) return false;
  const host = /^(?:\[([0-9a-f:.]+)\]|[^[\]:]*)(?::\d*)?$/i.exec(hostAndPort);
  return host !== null && (host[1] === undefined || isIpv6(host[1]));
}

const isUri = (uri: string): boolean => /^[a-z][a-z0-9+.-]*:/i.test(uri) && isUriReference(uri);

const isPointer = (pointer: string): boolean => /^(?:\/(?:[^~/]|~0|~1)*)*$/.test(pointer);

const isDuration = (duration: string): boolean =>
  /^P(?:\d+W|(?=[\dT])(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)?(?:T(?=\d)(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S))?)$/.test(
    duration,
  );

const formats: Readonly<Record<string, Format>> = {
  date: text(isDate),
  time: text(isTime),
  'date-time': text(isDateTime),
  duration: text(isDuration),
  email: text(isEmail),
  hostname: text(isHostname),
  ipv4: text(isIpv4),
  ipv6: text(isIpv6),
  uri: text(isUri),
  'uri-reference': text(isUriReference),
  uuid: text((id) => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id)),
  'json-pointer': text(isPointer),
  byte: text((bytes) => /^[A-Za-z0-9+/]*={0,2}$/.test(bytes) && bytes.length % 4 === 0),
  int32: number((value) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31),
  int64: number((value) => Number.isInteger(value) && value >= -(2 ** 63) && value <= 2 ** 63),
};

/** Undefined: the name says nothing here. */
export const formatOf = (name: string): Format | undefined =>
  Object.hasOwn(formats, name) ? formats[name] : undefined;
