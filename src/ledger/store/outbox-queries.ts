import type { HeldSubject, LetterQuery, StoredLetter, WebhookState } from '#core/contracts/outbox.ts';
import type { Asking, Row } from './asking.ts';

export type WebhookStanding = WebhookState & { readonly webhook: string; readonly letters: number };

/** The latest that were given up. */
export function* queryLetters({ webhook, id }: LetterQuery, limit: number): Asking<StoredLetter[]> {
  const wanted = Object.entries({ webhook, id }).filter(
    (each): each is [string, string | number] => each[1] !== undefined,
  );
  const where = wanted.map(([name]) => `${name} = ?`).join(' AND ');
  const rows = yield {
    sql: `SELECT * FROM dead_letters ${where && `WHERE ${where}`} ORDER BY id DESC LIMIT ?`,
    values: [...wanted.map(([, value]) => value), limit],
  };
  return rows.map(mapLetter);
}

/** How far all webhooks are that there ever were. */
export function* queryWebhooks(): Asking<WebhookStanding[]> {
  const rows = yield {
    sql: `SELECT name, position, held, stopped, (SELECT COUNT(*) FROM dead_letters WHERE webhook = name) AS letters
      FROM webhooks ORDER BY name`,
    values: [],
  };
  return rows.map((row) => ({
    webhook: String(row['name']),
    ...mapState(row),
    letters: Number(row['letters']),
  }));
}

/** The number of what came on the books last. */
export function* queryEnd(): Asking<number> {
  const [row] = yield { sql: 'SELECT sequence FROM head', values: [] };
  return Number(row!['sequence']);
}

export const mapState = (row: Row): WebhookState => ({
  position: Number(row['position']),
  held: JSON.parse(String(row['held'])) as HeldSubject[],
  stopped: row['stopped'] as string | null,
});

export const mapLetter = (row: Row): StoredLetter => ({
  id: Number(row['id']),
  webhook: String(row['webhook']),
  sequence: Number(row['sequence']),
  event: String(row['event']),
  reason: String(row['reason']),
  tries: Number(row['tries']),
  atMs: Number(row['at_ms']),
});
