import type { Client } from 'pg';
import { int8Array, textArray } from '#postgres/binary-array.ts';
import type { DeadLetter, StoredLetter, WebhookProgress, WebhookState } from '#core/contracts/outbox.ts';
import type { WebhookTables } from '../books.ts';
import { cleanText } from '../column-text.ts';
import { mapLetter, mapState } from '../outbox-queries.ts';

/** By the server's clock, which is the one that all nodes share. */
const nowMs = '(extract(epoch FROM clock_timestamp()) * 1000)::int8';

/** How far webhooks are, and which node delivers to each. */
export class PostgresWebhooks implements WebhookTables {
  readonly #client: Client;
  readonly #node: string;

  constructor(client: Client, node: string) {
    this.#client = client;
    this.#node = node;
  }

  async claim(name: string, leaseMs: number, end: number): Promise<WebhookState | null> {
    const { rows } = await this.#client.query(
      `INSERT INTO webhooks AS known (name, position, owner, leased_until_ms) VALUES ($1, $2, $3, ${nowMs} + $4)
       ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until_ms = excluded.leased_until_ms
         WHERE known.owner = excluded.owner OR known.leased_until_ms < ${nowMs}
       RETURNING *`,
      [name, end, this.#node, leaseMs],
    );
    return rows[0] ? mapState(rows[0]) : null;
  }

  async advance(
    name: string,
    { position, held }: WebhookProgress,
    letters: readonly DeadLetter[],
  ): Promise<boolean> {
    const { rowCount } = await this.#client.query(
      'UPDATE webhooks SET position = $2, held = $4 WHERE name = $1 AND owner = $3 AND position <= $2',
      [name, position, this.#node, cleanText(JSON.stringify(held))],
    );
    if (rowCount === 0) return false;
    if (letters.length === 0) return true;
    await this.#client.query(
      `INSERT INTO dead_letters (webhook, sequence, event, reason, tries, at_ms)
       SELECT *, ${nowMs} FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[], $5::int8[])`,
      [
        textArray(letters.map(({ webhook }) => webhook)),
        int8Array(letters.map(({ sequence }) => sequence)),
        textArray(letters.map(({ event }) => cleanText(event))),
        textArray(letters.map(({ reason }) => cleanText(reason))),
        int8Array(letters.map(({ tries }) => tries)),
      ],
    );
    return true;
  }

  async stop(name: string, reason: string | null): Promise<boolean> {
    const values = [name, reason];
    const { rowCount } = await this.#client.query('UPDATE webhooks SET stopped = $2 WHERE name = $1', values);
    return rowCount === 1;
  }

  async takeLetter(id: number): Promise<StoredLetter | null> {
    const { rows } = await this.#client.query('DELETE FROM dead_letters WHERE id = $1 RETURNING *', [id]);
    return rows[0] ? mapLetter(rows[0]) : null;
  }
}
