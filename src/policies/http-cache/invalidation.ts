import { uriMark } from '#core/cache-marks.ts';
import type { AnswerCache } from '#core/contracts/answer-cache.ts';
import type { AnswerIntake } from '#core/contracts/answer-intake.ts';
import type { Exchange } from '#core/exchange.ts';
import { headerOf, type HeaderList } from '#core/head.ts';
import { renderCacheStatus } from './cache-status.ts';
import { queryIn, renderUri, uriOf, type KeyRules } from './request.ts';

/** Methods that change nothing (RFC 9110 §9.2.1). */
const safe = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT']);

/** What a request has changed is kept no more (RFC 9111 §4.4). */
export class Invalidation implements AnswerIntake {
  readonly #exchange: Exchange;
  readonly #of: { readonly keys: KeyRules; readonly answers: AnswerCache };

  constructor(exchange: Exchange, of: { readonly keys: KeyRules; readonly answers: AnswerCache }) {
    this.#exchange = exchange;
    this.#of = of;
  }

  onHead(status: number, headers: HeaderList): HeaderList {
    const { method } = this.#exchange.head;
    if (!safe.has(method) && status >= 200 && status < 400)
      void this.#of.answers.purge(this.#marksOf(headers));
    return [...headers, 'cache-status', renderCacheStatus({ fwd: 'method', status })];
  }

  onData(): void {}

  onEnd(): void {}

  onFault(): null {
    return null;
  }

  #marksOf(headers: HeaderList): string[] {
    const { keys } = this.#of;
    const uris = [uriOf(this.#exchange, keys)];
    for (const name of ['location', 'content-location']) {
      const uri = this.#uriIn(headerOf(headers, name));
      if (uri !== null) uris.push(uri);
    }
    return uris.map(uriMark);
  }

  /** Null: it is not of the same origin, whose word alone counts. */
  #uriIn(reference: string | undefined): string | null {
    const { scheme, authority, path } = this.#exchange.head;
    if (reference === undefined) return null;
    const base = `${scheme}://${authority}${path}`;
    if (!URL.canParse(reference, base)) return null;
    const { origin, pathname, search } = new URL(reference, base);
    if (origin !== new URL(base).origin) return null;
    return renderUri(authority, pathname, queryIn(search.slice(1), this.#of.keys));
  }
}
