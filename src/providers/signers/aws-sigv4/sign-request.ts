import { createHash, createHmac } from 'node:crypto';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that expire. */
  readonly sessionToken: string | null;
}

export interface Signable {
  readonly method: string;
  /** Path and query, as on the request line. */
  readonly path: string;
  /** Name, value, …; names in lower case. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

export interface SigningScope {
  readonly region: string;
  readonly service: string;
  readonly atMs: number;
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** Only what no server on the way has reason to change. */
const isSigned = (name: string): boolean =>
  name === 'host' || name === 'content-type' || name.startsWith('x-amz-');

/**
 * AWS Signature Version 4 in headers. All services but S3 have the path, escaped as it is on the wire, escaped once more.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 * @returns all headers of the request, completed.
 */
export function signRequest(request: Signable, credentials: AwsCredentials, scope: SigningScope): string[] {
  const date = new Date(scope.atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = date.slice(0, 8);
  const payload = sha256(request.body);
  const headers = without(request.headers, [
    'authorization',
    'x-amz-date',
    'x-amz-security-token',
    'x-amz-content-sha256',
  ]);
  headers.push('x-amz-date', date, 'x-amz-content-sha256', payload);
  if (credentials.sessionToken !== null) headers.push('x-amz-security-token', credentials.sessionToken);

  const canonical = canonicalHeaders(headers);
  const names = canonical.map(([name]) => name).join(';');
  const [path = '', query = ''] = split(request.path);
  const canonicalRequest = [
    request.method,
    canonicalPath(path),
    canonicalQuery(query),
    ...canonical.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    payload,
  ].join('\n');
  const credentialScope = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${date}\n${credentialScope}\n${sha256(canonicalRequest)}`;
  const key = [day, scope.region, scope.service, 'aws4_request'].reduce<string | Buffer>(
    (before, part) => hmac(before, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  headers.push(
    'authorization',
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${credentialScope}, SignedHeaders=${names}, ` +
      `Signature=${hmac(key, toSign).toString('hex')}`,
  );
  return headers;
}

function split(target: string): [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

const without = (headers: readonly string[], names: readonly string[]): string[] =>
  headers.filter((_, i) => !names.includes(headers[i - (i % 2)]!));

/** Sorted by name; of a header given several times, its values in their order. */
function canonicalHeaders(headers: readonly string[]): [name: string, value: string][] {
  const values = new Map<string, string[]>();
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (!isSigned(name)) continue;
    const value = headers[i + 1]!.trim().replace(/[ \t]+/g, ' ');
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return [...values].sort(byName).map(([name, all]) => [name, all.join(',')]);
}

/** RFC 3986: all but unreserved characters. */
const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalPath(path: string): string {
  const segments = path
    .split('/')
    .filter((segment, i, all) => segment !== '' || i === 0 || i === all.length - 1);
  return segments.map(escape).join('/') || '/';
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair): [string, string] => {
    const [name = '', ...value] = pair.split('=');
    return [escape(decodeURIComponent(name)), escape(decodeURIComponent(value.join('=')))];
  });
  return pairs
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  const [one, other] = a[0] === b[0] ? [String(a[1]), String(b[1])] : [a[0], b[0]];
  return one < other ? -1 : one > other ? 1 : 0;
}
