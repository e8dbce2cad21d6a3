import { listOf, type Asking, type Row } from './asking.ts';
import { unpackBodies } from './body-block.ts';

/** Where a body is packed. */
export interface BodyPlace {
  readonly id: string;
  readonly idDay: number;
  readonly block: number;
  readonly sequence: number;
}

/** Columns of `receipts` that `mapPlace` reads. */
export const placeColumns = 'id, id_day, block, sequence';

export const mapPlace = (row: Row): BodyPlace => ({
  id: String(row['id']),
  idDay: Number(row['id_day']),
  block: Number(row['block']),
  sequence: Number(row['sequence']),
});

/** Bodies of receipts by number, as they were journalled. One whose block is gone or damaged is an Error. */
export function* readBodies(places: readonly BodyPlace[]): Asking<Map<number, string | Error>> {
  const bodies = new Map<number, string | Error>();
  if (places.length === 0) return bodies;
  const days = [...new Set(places.map(({ idDay }) => idDay))];
  const wanted = [...new Set(places.map(({ block }) => block))];
  const rows = yield {
    sql: `SELECT block, content FROM bodies WHERE id_day IN ${listOf(days)} AND block IN ${listOf(wanted)}`,
    values: [...days, ...wanted],
  };
  const blocks = new Map<number, string[] | Error>();
  for (const row of rows) blocks.set(Number(row['block']), unpack(row['content'] as Uint8Array));
  for (const { block, sequence } of places) {
    const lines = blocks.get(block) ?? new Error('its block is gone');
    bodies.set(
      sequence,
      lines instanceof Error ? lines : (lines[sequence - block] ?? new Error('its line is gone')),
    );
  }
  return bodies;
}

function unpack(content: Uint8Array): string[] | Error {
  try {
    return unpackBodies(content);
  } catch (error) {
    return error as Error;
  }
}

/** What corrections say of these receipts, the latest last, by receipt. */
export function* readCorrections(
  ids: readonly string[],
): Asking<Map<string, { posting: number; body: string }[]>> {
  const corrections = new Map<string, { posting: number; body: string }[]>();
  if (ids.length === 0) return corrections;
  const rows = yield {
    sql: `SELECT id, posting, content FROM corrections WHERE id IN ${listOf(ids)} ORDER BY sequence`,
    values: ids,
  };
  for (const row of rows) {
    const id = String(row['id']);
    const [body] = unpackBodies(row['content'] as Uint8Array);
    const known = corrections.get(id) ?? [];
    known.push({ posting: Number(row['posting']), body: body! });
    corrections.set(id, known);
  }
  return corrections;
}

/** Bodies by id, in the order of the places, as they stand after all corrections. @throws Error when one cannot be read. */
export function* readStanding(places: readonly BodyPlace[]): Asking<Map<string, string>> {
  const written = yield* readBodies(places);
  const corrected = yield* readCorrections(places.map(({ id }) => id));
  const standing = new Map<string, string>();
  for (const { id, sequence } of places) {
    const body = corrected.get(id)?.at(-1)?.body ?? written.get(sequence)!;
    if (body instanceof Error) throw body;
    standing.set(id, body);
  }
  return standing;
}
