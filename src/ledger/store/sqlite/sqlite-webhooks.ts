import type { DatabaseSync } from 'node:sqlite';
import type { DeadLetter, StoredLetter, WebhookProgress, WebhookState } from '#core/contracts/outbox.ts';
import type { WebhookTables } from '../books.ts';
import { mapLetter, mapState } from '../outbox-queries.ts';

/** How far webhooks are, on a machine that has its books for itself: the right to deliver is always its own. */
export class SqliteWebhooks implements WebhookTables {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async claim(name: string, _leaseMs: number, end: number): Promise<WebhookState> {
    this.#database
      .prepare(
        `INSERT INTO webhooks (name, position, owner, leased_until_ms) VALUES (?, ?, '', 0) ON CONFLICT DO NOTHING`,
      )
      .run(name, end);
    return mapState(this.#database.prepare('SELECT * FROM webhooks WHERE name = ?').get(name)!);
  }

  async advance(
    name: string,
    { position, held }: WebhookProgress,
    letters: readonly DeadLetter[],
  ): Promise<boolean> {
    const { changes } = this.#database
      .prepare('UPDATE webhooks SET position = ?, held = ? WHERE name = ? AND position <= ?')
      .run(position, JSON.stringify(held), name, position);
    if (changes === 0) return false;
    const add = this.#database.prepare(
      'INSERT INTO dead_letters (webhook, sequence, event, reason, tries, at_ms) VALUES (?, ?, ?, ?, ?, ?)',
    );
    for (const { webhook, sequence, event, reason, tries } of letters)
      add.run(webhook, sequence, event, reason, tries, Date.now());
    return true;
  }

  async stop(name: string, reason: string | null): Promise<boolean> {
    const stop = this.#database.prepare('UPDATE webhooks SET stopped = ? WHERE name = ?');
    return stop.run(reason, name).changes > 0;
  }

  async takeLetter(id: number): Promise<StoredLetter | null> {
    const row = this.#database.prepare('DELETE FROM dead_letters WHERE id = ? RETURNING *').get(id);
    return row ? mapLetter(row) : null;
  }
}
