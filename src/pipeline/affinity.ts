import type { TargetPool } from '#core/contracts/target-pool.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf } from '#core/head.ts';
import { cookieValues } from './head-test.ts';
import { inputText } from './input-text.ts';
import type { ModelCall } from './model-call.ts';

/** So much of a prompt's beginning goes into the choice: as long as what providers' caches begin with (1,024 tokens). */
const prefixCharacters = 4096;

/** What consistent hashing goes by for this exchange; null where its pool does not hash, or nothing is there to go by. */
export function affinityOf(
  { hashBy }: TargetPool<unknown>,
  exchange: Exchange,
  call: ModelCall | null,
): string | null {
  if (hashBy === null) return null;
  const { head, consumer } = exchange;
  switch (hashBy.kind) {
    case 'client':
      return head.clientAddress;
    case 'key':
      return consumer?.id ?? null;
    case 'header':
      return headerOf(head.headers, hashBy.name) ?? null;
    case 'cookie':
      return cookieValues(headerOf(head.headers, 'cookie') ?? '', hashBy.name)[0] ?? null;
    case 'prompt-prefix':
      return call && inputText(call).slice(0, prefixCharacters);
  }
}
