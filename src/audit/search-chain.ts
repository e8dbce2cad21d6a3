import { setImmediate as turn } from 'node:timers/promises';
import type { AuditQuery, AuditRecordView } from '#core/contracts/audit.ts';
import type { ContentKeys, SealedContent } from './content-keys.ts';
import { segmentsIn } from './places.ts';
import { parseLine, parseRecord, type ChainRecord } from './record.ts';
import { readSegment } from './segment-lines.ts';

export interface ChainReader {
  readonly folder: string;
  /** Null: content stays closed. */
  readonly keys: Pick<ContentKeys, 'open'> | null;
}

/** Other work has its turn after so many bytes. */
const turnBytes = 1 << 20;

/** Records of the chain that fit, the latest first. */
export async function searchChain(reader: ChainReader, query: AuditQuery): Promise<AuditRecordView[]> {
  const found: AuditRecordView[] = [];
  for await (const view of viewsBackwards(reader, query)) {
    found.push(view);
    if (found.length >= query.limit) break;
  }
  return found;
}

/** The same, the earliest first, without a limit. */
export async function* exportChain(reader: ChainReader, query: AuditQuery): AsyncGenerator<AuditRecordView> {
  for (const number of segmentsIn(reader.folder)) {
    for (const { from, to, segment } of linesOf(readSegment(reader.folder, number))) {
      const view = viewOf(segment.subarray(from, to), reader, query);
      if (view) yield view;
    }
    await turn();
  }
}

async function* viewsBackwards(reader: ChainReader, query: AuditQuery): AsyncGenerator<AuditRecordView> {
  for (const number of segmentsIn(reader.folder).reverse()) {
    const lines = linesOf(readSegment(reader.folder, number)).reverse();
    let passed = 0;
    for (const { from, to, segment } of lines) {
      const view = viewOf(segment.subarray(from, to), reader, query);
      if (view) yield view;
      passed += to - from;
      if (passed < turnBytes) continue;
      passed = 0;
      await turn();
    }
  }
}

function linesOf(segment: Buffer): { from: number; to: number; segment: Buffer }[] {
  const lines: { from: number; to: number; segment: Buffer }[] = [];
  for (let from = 0, to = segment.indexOf(0x0a); to >= 0; from = to + 1, to = segment.indexOf(0x0a, from))
    lines.push({ from, to, segment });
  return lines;
}

/** Null: it does not fit, or is none. */
function viewOf(bytes: Buffer, reader: ChainReader, query: AuditQuery): AuditRecordView | null {
  const { exchange, project } = query;
  // Most records fall by their bytes, before anybody parses them.
  if (exchange !== null && !bytes.includes(exchange)) return null;
  if (project !== null && !bytes.includes(JSON.stringify(project))) return null;
  const line = parseLine(bytes);
  const record = line && parseRecord(line.body);
  if (!record || !fits(record, query)) return null;
  const view = openRecord(record, line.hash, reader);
  const { text } = query;
  const isSaid = text === null || JSON.stringify(view).toLowerCase().includes(inJson(text.toLowerCase()));
  return isSaid ? view : null;
}

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function fits(record: ChainRecord, query: AuditQuery): boolean {
  if (query.fromMs !== null && record.atMs < query.fromMs) return false;
  if (query.toMs !== null && record.atMs >= query.toMs) return false;
  if (query.before !== null && record.sequence >= query.before) return false;
  if (query.exchange !== null && record['id'] !== query.exchange) return false;
  if (query.project !== null && !isOf(record, query.project)) return false;
  if (query.who !== null && !namesOf(record).some((name) => name.includes(query.who!))) return false;
  const about = [record['resource'], record['action'], record['route']];
  return query.resource === null || about.some((text) => String(text ?? '').startsWith(query.resource!));
}

/** Of the project itself, or a change of something that belongs to it. */
function isOf(record: ChainRecord, project: string): boolean {
  const parts = [record, record['before'], record['after']] as (
    { readonly project?: unknown } | null | undefined
  )[];
  return parts.some((part) => part?.project === project);
}

/** Who did it, or whose call it was. */
function namesOf(record: ChainRecord): string[] {
  const { who, about } = record as {
    readonly who?: { readonly id?: unknown; readonly name?: unknown };
    readonly about?: { readonly consumer?: { readonly id?: unknown; readonly name?: unknown } | null };
  };
  return [who?.id, who?.name, about?.consumer?.id, about?.consumer?.name].filter(
    (name) => typeof name === 'string',
  );
}

/** `contentIs` says why content that was recorded is not shown. */
function openRecord(record: ChainRecord, hash: string, { keys }: ChainReader): AuditRecordView {
  const { sequence, atMs, kind, content, ...rest } = record;
  const view = { sequence, at: new Date(atMs).toISOString(), kind, hash, ...rest };
  if (content === null || content === undefined) return view;
  if (!keys) return { ...view, content: null, contentIs: 'closed' };
  try {
    const text = keys.open(String(rest['project']), String(rest['id']), content as SealedContent);
    return text === null
      ? { ...view, content: null, contentIs: 'erased' }
      : { ...view, content: JSON.parse(text) as unknown };
  } catch (error) {
    return { ...view, content: null, contentIs: (error as Error).message };
  }
}
