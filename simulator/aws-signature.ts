import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const HEADER =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
const MAX_SKEW_MS = 5 * 60_000;

/** Secrets follow from the ids: every id is good that is signed with its secret. */
export const awsSecretOf = (accessKeyId: string): string => `secret/of+${accessKeyId}`;
/** Ids that begin with ASIA expire, and are good with their token alone. */
export const awsTokenOf = (accessKeyId: string): string => `token/of==${accessKeyId}`;

/**
 * What is wrong with the signature (AWS Signature Version 4) of a request, as AWS would say it; null when nothing is, and for
 * requests that are not signed.
 */
export function signatureFlaw(
  request: Pick<IncomingMessage, 'method' | 'url' | 'headersDistinct'>,
  body: Buffer,
  { nowMs, secretOf = awsSecretOf }: { nowMs: number; secretOf?: (id: string) => string },
): string | null {
  const headers = request.headersDistinct;
  const authorization = headers.authorization?.[0] ?? '';
  if (!authorization.startsWith('AWS4-')) return null;
  const [, id = '', day = '', region = '', service = '', list = '', given = ''] =
    HEADER.exec(authorization) ?? [];
  if (id === '') return `Authorization header is not well-formed: ${authorization}`;
  const names = list.split(';');
  if (!names.includes('host')) return "'Host' must be a 'SignedHeader' in the AWS Authorization.";
  for (const name of Object.keys(headers))
    if (name.startsWith('x-amz-') && !names.includes(name))
      return `'${name}' must be a 'SignedHeader' in the AWS Authorization.`;
  const stamp = headers['x-amz-date']?.[0] ?? '';
  const time = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp)?.slice(1).map(Number);
  if (!time || !stamp.startsWith(day))
    return `Date in Credential scope does not match: '${day}' and '${stamp}'.`;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0] = time;
  if (Math.abs(Date.UTC(year, month - 1, date, hour, minute, second) - nowMs) > MAX_SKEW_MS)
    return `Signature expired: ${stamp} is not within 5 minutes.`;
  const hashed = hash(body);
  const announced = headers['x-amz-content-sha256']?.[0];
  if (announced !== undefined && announced !== hashed)
    return "The provided 'x-amz-content-sha256' header does not match what was computed.";
  if (id.startsWith('ASIA') && headers['x-amz-security-token']?.[0] !== awsTokenOf(id))
    return 'The security token included in the request is invalid.';
  const mark = (request.url ?? '/').indexOf('?');
  const path = mark < 0 ? (request.url ?? '/') : request.url!.slice(0, mark);
  const query = mark < 0 ? [] : request.url!.slice(mark + 1).split('&');
  const canonical = [
    request.method ?? '',
    path.replace(/\/{2,}/g, '/').replace(/[^\w.~/-]/g, (c) => encode(c)),
    query
      .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${(headers[name] ?? []).map(squeeze).join(',')}`),
    '',
    list,
    hashed,
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', stamp, scope, hash(canonical)].join('\n');
  let key: Buffer = Buffer.from(`AWS4${secretOf(id)}`);
  for (const part of [day, region, service, 'aws4_request', toSign])
    key = createHmac('sha256', key).update(part).digest();
  if (timingSafeEqual(key, Buffer.from(given, 'hex'))) return null;
  return (
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
    `and signing method. The Canonical String for this request should have been\n'${canonical}'`
  );
}

const hash = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const squeeze = (value: string): string => value.trim().replace(/\s+/g, ' ');
const encode = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
