/** Who wrote a segment, and which one of theirs it is. */
export interface SegmentIdentity {
  /** Index of the worker thread. */
  readonly worker: number;
  /** Of one life of one worker: unique over restarts. Letters, digits and dots. */
  readonly incarnation: string;
  /** Ascending from 0 within an incarnation. */
  readonly sequence: number;
}

export interface SegmentName extends SegmentIdentity {
  readonly sealed: boolean;
  /** Bytes to trust where a failed write could not be cut off; null for all of them. */
  readonly trustedBytes: number | null;
}

const pattern = /^w(\d+)-([A-Za-z0-9.]+)-(\d+)(?:-upto(\d+))?\.(open|sealed)$/;

/** `w0-01JD…-0000000007.sealed`; sorts by sequence within one incarnation. */
export function renderSegmentName(name: SegmentName): string {
  const upTo = name.trustedBytes === null ? '' : `-upto${name.trustedBytes}`;
  const sequence = String(name.sequence).padStart(10, '0');
  return `w${name.worker}-${name.incarnation}-${sequence}${upTo}.${name.sealed ? 'sealed' : 'open'}`;
}

/** Parses a file name without its folder; null for files that are no segments. */
export function parseSegmentName(text: string): SegmentName | null {
  const match = pattern.exec(text);
  if (!match) return null;
  return {
    worker: Number(match[1]),
    incarnation: match[2]!,
    sequence: Number(match[3]),
    trustedBytes: match[4] === undefined ? null : Number(match[4]),
    sealed: match[5] === 'sealed',
  };
}
