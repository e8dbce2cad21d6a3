import type { OutgoingHttpHeaders } from 'node:http2';
import type { HeaderList } from '#core/head.ts';

/** They belong to a connection of HTTP/1.1 (RFC 9113 §8.2.2), and make an answer malformed. */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
]);
/** Of these the first is taken, should an upstream have sent several. */
const single = new Set(
  'access-control-allow-credentials access-control-max-age age content-length content-location content-md5 content-range content-type date etag expires last-modified location retry-after x-content-type-options'.split(
    ' ',
  ),
);
/** Lists that are written in one field. */
const joined = new Set(['content-encoding', 'content-language']);
const illegal = /[^\t\x20-\x7e\x80-\xff]/g;
const edges = /^[\t ]+|[\t ]+$/g;
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

/**
 * A list of headers as the library takes it. Characters that no value can carry become `?`, and a name that is none is
 * left out: refusing would leave the client without an answer.
 */
export function answerFields(headers: HeaderList): OutgoingHttpHeaders {
  const fields = Object.create(null) as Record<string, string | string[]>;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (connectionFields.has(name) || !token.test(name)) continue;
    const value = headers[i + 1]!.replace(illegal, '?').replace(edges, '');
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (single.has(name)) continue;
    else if (joined.has(name)) fields[name] = `${String(before)}, ${value}`;
    else if (typeof before === 'string') fields[name] = [before, value];
    else before.push(value);
  }
  return fields;
}

/** Fields that say how a message is read, or where it goes, mean nothing after it (RFC 9110 §6.5.1). */
const notInTrailers = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'host',
  'trailer',
  'set-cookie',
]);

export function trailerFields(trailers: HeaderList): OutgoingHttpHeaders {
  const fields = answerFields(trailers);
  for (const name of notInTrailers) delete fields[name];
  return fields;
}
