import type { Exchange } from '#core/exchange.ts';
import type { RequestHead } from '#core/head.ts';

/** RFC 6265 §4.2.1; HTTP/2 may send the pairs as headers of their own. */
function* pairsOf({ headers }: RequestHead): Generator<{ name: string; value: string; pair: string }> {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cookie') continue;
    for (const piece of headers[i + 1]!.split(';')) {
      const pair = piece.trim();
      const equals = pair.indexOf('=');
      if (equals > 0)
        yield { name: pair.slice(0, equals).trim(), value: pair.slice(equals + 1).trim(), pair };
    }
  }
}

/** All that a client has sent under a name, in their order. */
export const cookiesOf = (head: RequestHead, name: string): { readonly value: string }[] =>
  [...pairsOf(head)].filter((cookie) => cookie.name === name);

/** Keeps cookies from going on: what proves who calls is nothing for upstreams. */
export function withoutCookies({ head, upstreamHeaders }: Exchange, taken: (name: string) => boolean): void {
  const all = [...pairsOf(head)];
  const others = all.filter(({ name }) => !taken(name));
  if (others.length === all.length) return;
  const value = others.length > 0 ? others.map(({ pair }) => pair).join('; ') : null;
  upstreamHeaders.push({ name: 'cookie', value, add: false });
}
