import { isIP, SocketAddress } from 'node:net';

/** The connection did not begin as a PROXY header must. The message completes the sentence "it sent …". */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError';
}

export interface ProxyHeader {
  /** Bytes of the header: what follows is the client's. */
  readonly bytes: number;
  /** Address of the client; null when the proxy speaks for itself, or does not know. */
  readonly source: string | null;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const textStart = Buffer.from('PROXY ', 'latin1');
/** Of version 1, with its CRLF. */
const maxTextBytes = 107;
const fixedBytes = 16;
/** Of version 2: addresses take 36 at most, the rest is TLVs. */
const maxBinaryBytes = 8192;
const maxHeaderBytes = fixedBytes + maxBinaryBytes;

/**
 * Reads the header that a proxy sends before its client's bytes
 * (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, versions 1 and 2). Null: more bytes are needed, of which
 * there are never more than `maxHeaderBytes`. @throws ProxyHeaderError
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | null {
  if (startsLike(bytes, signature)) return bytes.length < fixedBytes ? null : readBinary(bytes);
  if (startsLike(bytes, textStart)) return readText(bytes);
  throw new ProxyHeaderError('no PROXY header');
}

/** As far as both go. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const common = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, common, 0, common) === 0;
}

function readText(bytes: Buffer): ProxyHeader | null {
  const line = bytes.toString('latin1', 0, Math.min(bytes.length, maxTextBytes));
  const end = line.indexOf('\r\n');
  if (end < 0) {
    if (bytes.length >= maxTextBytes) throw new ProxyHeaderError('a PROXY line without an end');
    return null;
  }
  const length = end + 2;
  const words = line.slice(0, end).split(' ');
  const [, family, source = '', target = '', ...ports] = words;
  // Whatever follows UNKNOWN is to be ignored.
  if (family === 'UNKNOWN') return { bytes: length, source: null };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : -1;
  const areAddresses = [source, target].every((text) => isIP(text) === version && !text.includes('%'));
  if (words.length !== 6 || !areAddresses || !ports.every(isPort))
    throw new ProxyHeaderError('a PROXY line that is not well-formed');
  return { bytes: length, source: canonicalAddress(source) };
}

const isPort = (text: string): boolean => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535;

function readBinary(bytes: Buffer): ProxyHeader | null {
  const command = bytes[12]!;
  const family = bytes[13]!;
  const length = bytes.readUInt16BE(14);
  if (command !== 0x20 && command !== 0x21)
    throw new ProxyHeaderError('a PROXY header of an unknown version or command');
  if (length > maxBinaryBytes) throw new ProxyHeaderError(`a PROXY header of over ${maxHeaderBytes} bytes`);
  const end = fixedBytes + length;
  if (bytes.length < end) return null;
  // LOCAL: the proxy itself, such as its health checks. Addresses, should there be any, say nothing.
  if (command === 0x20) return { bytes: end, source: null };
  const addressBytes = addressLengths.get(family);
  if (addressBytes === undefined)
    throw new ProxyHeaderError('a PROXY header for something other than a stream');
  if (addressBytes > length) throw new ProxyHeaderError('a PROXY header too short for its addresses');
  checkTlvs(bytes, fixedBytes + addressBytes, end);
  if (family === overTcp4) return { bytes: end, source: bytes.subarray(16, 20).join('.') };
  if (family === overTcp6) return { bytes: end, source: addressOf(bytes.subarray(16, 32)) };
  return { bytes: end, source: null };
}

const overTcp4 = 0x11;
const overTcp6 = 0x21;
/** Both addresses and ports; of UNSPEC nothing is known, and of UNIX sockets nothing that is of use. */
const addressLengths = new Map([
  [0x00, 0],
  [overTcp4, 12],
  [overTcp6, 36],
  [0x31, 216],
]);

/** Nothing in them is needed, but they must fill the header exactly: else its length is wrong. */
function checkTlvs(bytes: Buffer, from: number, end: number): void {
  // Of UNSPEC, what follows may be anything.
  if (bytes[13] === 0x00) return;
  let at = from;
  while (at < end) at = at + 3 > end ? end + 1 : at + 3 + bytes.readUInt16BE(at + 1);
  if (at !== end) throw new ProxyHeaderError('a PROXY header whose lengths do not agree');
}

function addressOf(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return canonicalAddress(groups.join(':'));
}

/** The usual spelling; an IPv4 address in IPv6's clothes is one of IPv4. */
function canonicalAddress(address: string): string {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return new SocketAddress({ address, family }).address.replace(/^::ffff:(?=\d+\.)/, '');
}
