import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import type { SplitRoute } from '#core/snapshot.ts';
import { partByChance, partFor } from '#core/weighted-choice.ts';
import type { CompiledPart } from '../gateway.ts';
import { cookieValues } from '#core/cookie.ts';
import { judgeHead } from '../head-test.ts';
import type { Passage } from '../passage.ts';

/** Goes on by the part of the route that takes the exchange. The route keeps its name. */
export function choosePart(passage: Passage, parts: readonly CompiledPart[]): void {
  const route = passage.route.route as SplitRoute;
  const { exchange } = passage;
  const chosen =
    parts.find(({ when }) => when !== null && judgeHead(when, exchange.head).kind === 'yes') ??
    drawn(exchange, route, parts);
  if (!chosen) throw new Fault('route/not-found', 'No part of the route takes the request.');
  exchange.partName = chosen.name;
  passage.route = chosen.compiled;
}

function drawn(exchange: Exchange, route: SplitRoute, parts: readonly CompiledPart[]): CompiledPart | null {
  if (route.stickyBy === 'none') return partByChance(parts, Math.random());
  let value = stickyValue(exchange, route);
  if (value === null) {
    if (route.stickyBy !== 'cookie') return partByChance(parts, Math.random());
    value = crypto.randomUUID();
    const secure = exchange.head.scheme === 'https' ? '; Secure' : '';
    exchange.answerHeaders.push(
      'set-cookie',
      `${route.stickyName}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}`,
    );
  }
  return partFor(parts, value, route.name);
}

/** Null where the request has none. Of several the first counts. */
function stickyValue({ head, consumer }: Exchange, { stickyBy, stickyName }: SplitRoute): string | null {
  if (stickyBy === 'key') return consumer?.id ?? null;
  if (stickyBy === 'client') return head.clientAddress;
  const field = stickyBy === 'cookie' ? 'cookie' : stickyName;
  for (let i = 0; i < head.headers.length; i += 2) {
    if (head.headers[i] !== field) continue;
    const value = head.headers[i + 1]!;
    const found = stickyBy === 'cookie' ? cookieValues(value, stickyName)[0] : value;
    if (found) return found;
  }
  return null;
}
