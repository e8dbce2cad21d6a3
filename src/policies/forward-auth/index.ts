import type { Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Reply } from '#core/contracts/ask.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, valuesOf, type HeaderList, type RequestHead } from '#core/head.ts';
import { parseDuration } from '#core/units.ts';
import { Allowances } from './allowances.ts';
import type { ForwardAuthSettings } from './schema.ts';

/** Whether a call may pass, and who makes it, by another server's word. */
export const forwardAuth: PolicyKind<ForwardAuthSettings> = {
  name: 'forward-auth',
  create: createForwardAuth,
};

const shownUnlessSaid = ['authorization', 'cookie'];
const toldUnlessSaid = [
  'content-type',
  'www-authenticate',
  'location',
  'set-cookie',
  'cache-control',
  'retry-after',
];
const maxReplyBytes = 64 * 1024;

/** @throws RangeError for headers whose values are made here, and must not be the client's. */
function createForwardAuth(settings: ForwardAuthSettings, services: PolicyServices): Policy {
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const shown = lower(settings.requestHeaders ?? shownUnlessSaid);
  const forged = shown.find((name) => name.startsWith('x-forwarded-'));
  if (forged) throw new RangeError(`forward-auth: ${forged} is said of every call, and not taken from it`);
  const told = new Set(lower(settings.answerHeaders ?? toldUnlessSaid));
  const passed = lower(settings.upstreamHeaders ?? []);
  const deadlineMs = parseDuration(settings.deadline ?? '5s');
  const cacheMs = parseDuration(settings.cache ?? 0);
  const allowances = new Allowances(services.clock, cacheMs);
  const { url, ca } = settings;

  const allow = (exchange: Exchange, headers: HeaderList) => {
    exchange.upstreamHeaders.push(
      ...passed.map((name) => ({ name, value: headerOf(headers, name) ?? null, add: false })),
    );
    identify(exchange, headers, { settings, services });
  };
  const judge = (exchange: Exchange, { status, headers, body }: Reply) => {
    if (status >= 200 && status < 300) return allow(exchange, headers);
    if (status < 300 || status >= 500)
      throw unavailable(new Error(`the server that decides answered ${status}`));
    const kept: string[] = [];
    for (let i = 0; i < headers.length; i += 2)
      if (told.has(headers[i]!)) kept.push(headers[i]!, headers[i + 1]!);
    exchange.shortAnswer = { status, headers: kept, body };
  };

  return {
    name: 'forward-auth',
    summary: `asks ${url} about ${shown.join(', ')}, for ${deadlineMs} ms at most${cacheMs > 0 ? `, and keeps allowances for ${cacheMs} ms` : ''}`,
    deadlineMs: deadlineMs + 1000,
    presents: ({ head }) => shown.some((name) => headerOf(head.headers, name) !== undefined),
    credentials: { challenge: null, headers: [] },
    onHead(exchange) {
      const headers = questionOf(exchange.head, shown);
      const kept = allowances.find(headers);
      if (kept) return allow(exchange, kept);
      const question = { url, method: 'GET', headers, body: null, deadlineMs, maxBytes: maxReplyBytes };
      return services
        .ask(ca === undefined ? question : { ...question, ca })
        .catch((cause: unknown) => {
          throw unavailable(cause);
        })
        .then((reply) => {
          judge(exchange, reply);
          if (reply.status < 300) allowances.keep(headers, reply.headers);
        });
    },
  };
}

/** Nobody is let in because nobody could be asked. */
const unavailable = (cause: unknown): Fault =>
  new Fault('auth/unavailable', 'Whether the call may pass cannot be found out at the moment.', {
    cause,
    headers: ['retry-after', '1'],
  });

/** What the other server is told of a call: never more than the canonical request. */
function questionOf(head: RequestHead, shown: readonly string[]): string[] {
  const { method, scheme, authority, path, query, clientAddress } = head;
  const headers = [
    ...['x-forwarded-method', method, 'x-forwarded-proto', scheme, 'x-forwarded-host', authority],
    ...['x-forwarded-uri', query === '' ? path : `${path}?${query}`, 'x-forwarded-for', clientAddress],
  ];
  for (const name of shown) for (const value of valuesOf(head.headers, name)) headers.push(name, value);
  return headers;
}

/** @throws Fault where the answer names nobody who is known, and has to. */
function identify(
  exchange: Exchange,
  headers: HeaderList,
  { settings, services }: { readonly settings: ForwardAuthSettings; readonly services: PolicyServices },
): void {
  const { consumerHeader, claims } = settings;
  if (claims) {
    const said = Object.entries(claims).flatMap(([claim, header]) => {
      const value = headerOf(headers, header.toLowerCase());
      return value === undefined ? [] : [[claim, value] as const];
    });
    exchange.claims = { ...exchange.claims, ...Object.fromEntries(said) };
  }
  if (consumerHeader === undefined) return;
  const name = headerOf(headers, consumerHeader.toLowerCase());
  const consumer = name === undefined ? undefined : services.consumers.find(name);
  if (!consumer)
    throw new Fault('auth/unknown-credential', 'The call may pass, but whoever makes it is not known here.');
  exchange.consumer = consumer;
}
