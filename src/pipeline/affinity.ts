import type { PoolMember, TargetPool } from '#core/contracts/target-pool.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf } from '#core/head.ts';
import { cookieValues } from '#core/cookie.ts';
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
      return consumer?.id ?? head.clientAddress;
    case 'header':
      return headerOf(head.headers, hashBy.name) ?? null;
    case 'cookie':
      return cookieValues(headerOf(head.headers, 'cookie') ?? '', hashBy.name)[0] ?? null;
    case 'prompt-prefix':
      return call && inputText(call).slice(0, prefixCharacters);
  }
}

/** The member that the client's cookie asks for, in the pool's words. */
export function stickyOf({ sticky }: TargetPool<unknown>, { head }: Exchange): string | null {
  return sticky && (cookieValues(headerOf(head.headers, 'cookie') ?? '', sticky.cookie)[0] ?? null);
}

/** Tells the client which member it has, unless it knows. Before the head of the answer is made. */
export function setSticky<T>(pool: TargetPool<T>, member: PoolMember<T>, exchange: Exchange): void {
  const { sticky } = pool;
  if (!sticky) return;
  const word = pool.stickyWord(member);
  if (stickyOf(pool, exchange) === word) return;
  const life = sticky.ttlMs > 0 ? `; Max-Age=${Math.ceil(sticky.ttlMs / 1000)}` : '';
  const secure = exchange.head.scheme === 'https' ? '; Secure' : '';
  exchange.answerHeaders.push(
    'set-cookie',
    `${sticky.cookie}=${word}; Path=/; HttpOnly; SameSite=Lax${life}${secure}`,
  );
}
