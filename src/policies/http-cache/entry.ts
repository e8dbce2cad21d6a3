import type { HeaderList } from '#core/head.ts';

/** How an answer may be used again. */
export interface EntryRules {
  /** Not without asking (`no-cache`). */
  readonly asks: boolean;
  /** Never once it is stale (`must-revalidate`, `proxy-revalidate`). */
  readonly strict: boolean;
  /** Not by a client's word once it is stale (`s-maxage`). */
  readonly shared: boolean;
  /** So long after it went stale it is given while it is renewed, or while upstreams fail; milliseconds. */
  readonly whileRenewedMs: number;
  readonly ifErrorMs: number;
}

/** An answer as it is kept. */
export interface Entry {
  readonly status: number;
  /** Its own; without those that are made anew whenever it is given. */
  readonly headers: HeaderList;
  readonly body: Buffer;
  /** When it came, and how old it was then. */
  readonly atMs: number;
  readonly ageMs: number;
  readonly freshMs: number;
  readonly rules: EntryRules;
  /** By which it may be purged. */
  readonly tags: readonly string[];
}

/** What stands under a key: an answer, or the names of the request's headers by which there are several. */
export type Kept = { readonly entry: Entry } | { readonly varies: readonly string[] };

/** A length of 4 bytes, so much JSON, and the body. */
export function renderKept(kept: Kept): Buffer {
  const { body, ...about } = 'entry' in kept ? kept.entry : { ...kept, body: null };
  const text = Buffer.from(JSON.stringify(about));
  const bytes = Buffer.allocUnsafe(4 + text.length + (body?.length ?? 0));
  bytes.writeUInt32LE(text.length, 0);
  bytes.set(text, 4);
  if (body) bytes.set(body, 4 + text.length);
  return bytes;
}

/** @param bytes As `renderKept` made them. */
export function parseKept(bytes: Buffer): Kept {
  const end = 4 + bytes.readUInt32LE(0);
  const about = JSON.parse(bytes.toString('utf8', 4, end)) as Omit<Entry, 'body'> | { varies: string[] };
  return 'varies' in about ? about : { entry: { ...about, body: bytes.subarray(end) } };
}

export const ageOf = ({ ageMs, atMs }: Entry, nowMs: number): number => ageMs + Math.max(0, nowMs - atMs);
