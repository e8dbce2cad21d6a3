import { isDeepStrictEqual } from 'node:util';
import type { DeadLetter } from '#core/contracts/outbox.ts';
import type { EventPlan, WebhookPlan } from '#core/webhook.ts';
import type { PostResult } from './post.ts';
import { WebhookDelivery, type DeliveryParts, type DeliveryReport } from './webhook-delivery.ts';

export type { DeliveryParts, DeliveryReport };

interface Following {
  readonly webhook: WebhookPlan;
  readonly source: string;
  readonly delivery: WebhookDelivery;
}

/** Delivers what comes on the books to all webhooks of the configuration in force. */
export class EventDispatcher {
  readonly #parts: DeliveryParts;
  readonly #following = new Map<string, Following>();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Those that are as before go on; of one that has changed what is under way is broken off and goes out by the new rules. */
  async follow({ source, webhooks }: EventPlan): Promise<void> {
    const ending: Promise<void>[] = [];
    for (const [name, known] of this.#following) {
      const wanted = webhooks.find((webhook) => webhook.name === name);
      if (wanted && known.source === source && isDeepStrictEqual(wanted, known.webhook)) continue;
      this.#following.delete(name);
      ending.push(known.delivery.close());
    }
    await Promise.all(ending);
    for (const webhook of webhooks) {
      if (this.#following.has(webhook.name)) continue;
      const delivery = new WebhookDelivery(webhook, source, this.#parts);
      this.#following.set(webhook.name, { webhook, source, delivery });
    }
  }

  /** Something has changed for a webhook. */
  wake(webhook: string): void {
    this.#following.get(webhook)?.delivery.wake();
  }

  /** Sends an event to a webhook once more; null: there is no such webhook any more. */
  async resend({ webhook, sequence, event: text }: DeadLetter): Promise<PostResult | null> {
    const known = this.#following.get(webhook);
    if (!known) return null;
    const { id, subject, type } = JSON.parse(text) as Record<'id' | 'subject' | 'type', string>;
    return known.delivery.send({ id, subject, type, sequence, text });
  }

  reports(): (DeliveryReport & { readonly host: string })[] {
    return [...this.#following.values()].map(({ webhook, delivery }) => ({
      ...delivery.report,
      // What else is in the URL may be a secret.
      host: new URL(webhook.url).host,
    }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#following.values()].map(({ delivery }) => delivery.close()));
    this.#following.clear();
  }
}
