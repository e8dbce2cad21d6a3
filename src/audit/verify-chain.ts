import { setImmediate as turn } from 'node:timers/promises';
import type { AuditFinding, AuditProof } from '#core/contracts/audit.ts';
import { readHead, type ChainHead } from './chain-head.ts';
import { segmentName, segmentsIn } from './places.ts';
import { noHash, type ChainRecord } from './record.ts';
import { judgeLines, readSegment, type ChainPoint, type JudgedLine } from './segment-lines.ts';

export interface VerifyWish {
  readonly folder: string;
  /** What the head is sealed with; null: nothing was ever recorded. */
  readonly secret: Uint8Array | null;
  /** A point of the chain that was noted down before. */
  readonly expected: ChainPoint | null;
}

/** Proves the whole chain: every byte, its beginning, its end. One segment is in memory at a time. */
export async function verifyChain(wish: VerifyWish): Promise<AuditProof> {
  const proof = new Proof(wish);
  const segments = segmentsIn(wish.folder);
  for (const number of segments) {
    proof.take(number, readSegment(wish.folder, number));
    await turn();
  }
  return proof.end(segments);
}

class Proof {
  readonly #wish: VerifyWish;
  /** Read before the segments: they have at least what it says, also while somebody writes. */
  readonly #head: ChainHead | 'none' | 'forged';
  readonly #findings: AuditFinding[] = [];
  readonly #notes: string[] = [];
  #records = 0;
  #dropped = 0;
  #point: ChainPoint = { sequence: 0, hash: noHash };
  #isHeadFound = false;
  #isExpectedFound = false;
  /** The first segment that is there, and what it follows. */
  #first: { readonly number: number; readonly previous: string } | null = null;
  readonly #retentions: { readonly through: number; readonly hash: string }[] = [];

  constructor(wish: VerifyWish) {
    this.#wish = wish;
    this.#head = wish.secret === null ? 'none' : readHead(wish.folder, wish.secret);
    if (typeof this.#head === 'object' && this.#head.bytes === 0) this.#isHeadFound = true;
  }

  take(number: number, segment: Buffer): void {
    const name = segmentName(number);
    let isSound = true;
    let endBytes = 0;
    let isFirstLine = true;
    for (const judged of judgeLines(segment, 0, this.#startOf(number, segment))) {
      const message = judged.fault ?? (isFirstLine ? this.#faultOfFirst(number, judged.record!) : null);
      isFirstLine = false;
      if (message !== null && isSound) {
        isSound = false;
        this.#findings.push({ segment: name, record: judged.number, message });
      }
      endBytes = judged.endBytes;
      this.#count(judged, { name, number });
    }
    if (endBytes < segment.length) this.#takeRest(number, segment.length - endBytes, endBytes);
  }

  end(segments: readonly number[]): AuditProof {
    this.#judgeBeginning();
    this.#judgeEnd(segments);
    const { expected } = this.#wish;
    if (expected && !this.#isExpectedFound) {
      const message = `record ${expected.sequence} of the hash ${expected.hash} is not in the log`;
      this.#findings.push({ segment: 'audit', record: null, message });
    }
    return {
      clean: this.#findings.length === 0,
      records: this.#records,
      segments: segments.length,
      dropped: this.#dropped,
      head: this.#point.sequence === 0 ? null : this.#point,
      findings: this.#findings,
      notes: this.#notes,
    };
  }

  /** The first segment that is there says itself what it follows. */
  #startOf(number: number, segment: Buffer): ChainPoint {
    if (this.#first) return this.#point;
    const first = judgeLines(segment, 0, this.#point).next();
    const record = first.done ? null : first.value.record;
    const previous = typeof record?.['previous'] === 'string' ? record['previous'] : noHash;
    this.#first = { number, previous: /^[0-9a-f]{64}$/.test(previous) ? previous : noHash };
    if (number === 1) return this.#point;
    return { sequence: (record?.sequence ?? 1) - 1, hash: this.#first.previous };
  }

  #faultOfFirst(number: number, record: ChainRecord): string | null {
    if (record.kind !== 'segment' || record['number'] !== number)
      return `does not begin segment ${number}: the file was put in the place of another`;
    return null;
  }

  #count({ record, line, endBytes, number: lineNumber }: JudgedLine, at: { name: string; number: number }) {
    this.#records += 1;
    if (line) this.#point = { sequence: record?.sequence ?? this.#point.sequence + 1, hash: line.hash };
    const { sequence, hash } = this.#point;
    const head = this.#head;
    if (typeof head === 'object' && head.segment === at.number && head.bytes === endBytes)
      this.#isHeadFound = head.sequence === sequence && head.hash === hash;
    const { expected } = this.#wish;
    if (expected?.sequence === sequence && expected.hash === hash) this.#isExpectedFound = true;
    if (!record) return;
    if (record.kind === 'dropped') this.#dropped += Number(record['count']) || 0;
    if (record.kind === 'missing') {
      const message = `says that something is missing before it: ${String(record['reason'])}`;
      this.#findings.push({ segment: at.name, record: lineNumber, message });
    }
    if (record.kind === 'retention')
      this.#retentions.push({ through: Number(record['through']), hash: String(record['hash']) });
  }

  /** Bytes behind the last whole line. */
  #takeRest(number: number, bytes: number, fromBytes: number): void {
    const name = segmentName(number);
    const head = this.#head;
    const isBehindHead =
      typeof head === 'object' &&
      (number > head.segment || (number === head.segment && fromBytes >= head.bytes));
    if (isBehindHead)
      this.#notes.push(
        `${name} ends with ${bytes} bytes of a record that is not whole: it is being written, or a crash broke it off, and the next start takes it away`,
      );
    else
      this.#findings.push({
        segment: name,
        record: null,
        message: `ends in the middle of a record (${bytes} bytes)`,
      });
  }

  #judgeBeginning(): void {
    const first = this.#first;
    if (!first || first.number === 1) return;
    const dropped = this.#retentions.filter(({ through }) => through >= first.number - 1);
    const own = dropped.find(({ through }) => through === first.number - 1);
    if (dropped.length > 0 && (!own || own.hash === first.previous)) return;
    const message = `segments before it are gone, and no record says that their time had come`;
    this.#findings.push({ segment: segmentName(first.number), record: null, message });
  }

  #judgeEnd(segments: readonly number[]): void {
    const gap = segments.find((number, i) => i > 0 && number !== segments[i - 1]! + 1);
    if (gap !== undefined)
      this.#findings.push({ segment: segmentName(gap - 1), record: null, message: 'is not there' });
    const head = this.#head;
    if (this.#wish.secret === null && segments.length === 0) return;
    if (typeof head === 'string') {
      const what = { none: 'is not there', forged: 'is not as it was written' }[head];
      this.#findings.push({ segment: 'head', record: null, message: what });
    } else if (!this.#isHeadFound) {
      const message = `the log was cut: its head is at record ${head.sequence}, which is not where it says; the last one there is ${this.#point.sequence}`;
      this.#findings.push({ segment: segmentName(head.segment), record: null, message });
    }
  }
}
