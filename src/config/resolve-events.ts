import { createHash } from 'node:crypto';
import type { EventPlan } from '#core/webhook.ts';
import type { Problems } from './problem.ts';
import { clientTlsOf } from './resolve-upstreams.ts';
import type { EventSettings } from './schema-events.ts';
import { parseDuration } from '#core/units.ts';

/** Who is told of what happens. */
export function resolveEvents(settings: EventSettings | undefined, problems: Problems): EventPlan {
  const names = new Set<string>();
  const webhooks = (settings?.webhooks ?? []).map((webhook, i) => {
    const name = webhook.name ?? createHash('sha256').update(webhook.url).digest('hex').slice(0, 12);
    if (names.has(name))
      problems.add(
        ['events', 'webhooks', i],
        webhook.name === undefined
          ? 'another webhook has the same URL; give them names'
          : `the name "${name}" is taken by another webhook`,
      );
    names.add(name);
    return {
      name,
      url: webhook.url,
      types: webhook.types ?? null,
      secrets: [webhook.secret].flat().map((secret) => secret.slice('whsec_'.length)),
      batch: webhook.batch ?? 1,
      headers: Object.entries(webhook.headers ?? {}).flatMap(([header, value]) => [
        header.toLowerCase(),
        value,
      ]),
      timeoutMs: parseDuration(webhook.timeout ?? '15s'),
      giveUpMs: parseDuration(webhook.giveUp ?? '24h'),
      tls: clientTlsOf(webhook.tls),
    };
  });
  return { source: settings?.source ?? 'sluice', webhooks };
}
