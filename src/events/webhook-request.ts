import { createHash, createHmac } from 'node:crypto';
import type { HeaderList } from '#core/head.ts';
import type { WebhookPlan } from '#core/webhook.ts';
import type { OutgoingEvent } from './cloud-event.ts';

export interface WebhookMessage {
  /** The same whenever it is tried. */
  readonly id: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * One event in structured mode, or several in batch mode
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
 */
export function renderMessage(events: readonly OutgoingEvent[], inBatches: boolean): WebhookMessage {
  const name = createHash('sha256');
  for (const { id } of events) name.update(`${id}\n`);
  const texts = events.map(({ text }) => text);
  return {
    // Event ids may hold full stops, which part what is signed.
    id: `msg_${name.digest('hex').slice(0, 32)}`,
    contentType: `application/cloudevents${inBatches ? '-batch' : ''}+json; charset=utf-8`,
    body: Buffer.from(inBatches ? `[${texts.join(',')}]` : texts[0]!),
  };
}

/**
 * The headers of one try, signed with each of the webhook's keys
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 */
export function renderHeaders(
  { id, contentType, body }: WebhookMessage,
  { secrets, headers }: WebhookPlan,
  nowMs: number,
): HeaderList {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', Buffer.from(secret, 'base64'))
      .update(`${id}.${timestamp}.`)
      .update(body);
    return `v1,${hmac.digest('base64')}`;
  });
  return [
    ...headers,
    ...['content-type', contentType],
    ...['user-agent', 'sluice-webhooks'],
    ...['webhook-id', id],
    ...['webhook-timestamp', timestamp],
    ...['webhook-signature', signatures.join(' ')],
  ];
}
