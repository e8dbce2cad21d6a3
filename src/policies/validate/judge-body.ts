import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { Fault } from '#core/fault.ts';
import { readForm } from '#core/openapi/read-form.ts';
import type { BodyRules } from '#core/openapi/compile-operation.ts';
import { essenceOf, isJsonType, rangeFor } from '#core/openapi/media-types.ts';
import { judgeJson, judgeValue, type Bounds, type Finding } from '#core/openapi/judge-request.ts';
import { TooMuchWork } from '#core/json-schema/run.ts';

/** Why a body could not be judged by its schema. */
export type Unjudged =
  'type' | 'encoding' | 'size' | 'work' | { readonly malformed: string } | { readonly duplicate: string };

export interface BodyHead {
  readonly contentType: string | undefined;
  readonly encoding: string | undefined;
}

const bodyFinding = (keyword: string, expected: string, got: string): Finding => ({
  ...{ in: 'body', path: [], keyword, expected, got },
});

/** What is wrong with a body; empty: nothing. */
export function judgeBody(
  rules: BodyRules,
  { bytes, head }: { readonly bytes: Buffer; readonly head: BodyHead },
  limits: { readonly bounds: Bounds; readonly maxBytes: number },
): readonly Finding[] | Unjudged {
  if (bytes.length === 0)
    return rules.required ? [bodyFinding('required', 'a body, which is required', 'none')] : [];
  const essence = essenceOf(head.contentType);
  const content = rangeFor(rules.content, essence);
  if (rules.content.size > 0 && !content) return 'type';
  if (!content?.check) return [];
  if (bytes.length > limits.maxBytes) return 'size';
  const plain = decoded(bytes, head.encoding, limits.maxBytes);
  if (typeof plain === 'string') return plain;
  try {
    if (isJsonType(essence)) {
      const { read, findings } = judgeJson(plain, content.check, limits.bounds);
      if ('value' in read) return findings;
      return read.kind === 'malformed' ? { malformed: read.why } : { duplicate: read.key };
    }
    if (essence === 'application/x-www-form-urlencoded') {
      const value = readForm(plain.toString('latin1'), content.shape);
      if (value === 'twice') return [bodyFinding('twice', 'each field once', 'one more than once')];
      return judgeValue(value, content.check, { bounds: limits.bounds, bytes: plain.length });
    }
    if (essence.startsWith('text/'))
      return judgeValue(plain.toString('utf8'), content.check, {
        bounds: limits.bounds,
        bytes: plain.length,
      });
    return [];
  } catch (error) {
    if (error instanceof TooMuchWork) return 'work';
    throw error;
  }
}

/** Bounded: what a few bytes unpack to is no more than a body may have. */
function decoded(
  bytes: Buffer,
  encoding: string | undefined,
  maxBytes: number,
): Buffer | 'encoding' | 'size' {
  const limit = { maxOutputLength: maxBytes };
  try {
    switch ((encoding ?? 'identity').trim().toLowerCase()) {
      case 'identity':
        return bytes;
      case 'gzip':
      case 'x-gzip':
        return gunzipSync(bytes, limit);
      case 'deflate':
        return inflateSync(bytes, limit);
      case 'br':
        return brotliDecompressSync(bytes, limit);
      case 'zstd':
        return zstdDecompressSync(bytes, limit);
      default:
        return 'encoding';
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'size' : 'encoding';
  }
}

/** What a client is told of a body that could not be judged. */
export function unjudgedFault(why: Unjudged, described: string): Fault {
  switch (why) {
    case 'type':
      return new Fault(
        'request/media-type',
        `The body is of a media type that is not taken here. Send ${described}.`,
        {
          headers: ['accept', described],
        },
      );
    case 'encoding':
      return new Fault(
        'request/media-type',
        'The body is in a content coding that is not taken here. Send it plain or as gzip.',
        {
          headers: ['accept-encoding', 'gzip, deflate, br, zstd'],
        },
      );
    case 'size':
      return new Fault(
        'request/body-too-large',
        'The body is larger than can be held to its description here.',
      );
    case 'work':
      return new Fault(
        'request/not-as-described',
        'The body asks for more work than its size gives reason for.',
      );
    default:
      return 'malformed' in why
        ? new Fault('request/body-not-json', `The body cannot be read: ${why.malformed}.`)
        : new Fault(
            'request/duplicate-key',
            `The body names "${why.duplicate}" twice in one object. Send it once.`,
          );
  }
}

/** For notes: it was not judged, and why. */
export const unjudgedNote = (why: Unjudged): string =>
  typeof why === 'string'
    ? {
        type: 'media type not described',
        encoding: 'content coding not known',
        size: 'not judged, too large',
        work: 'not judged, too much work',
      }[why]
    : 'malformed' in why
      ? why.malformed
      : 'a key twice in one object';
