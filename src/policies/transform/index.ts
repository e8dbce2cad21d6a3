import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf, withoutHeaders } from '#core/head.ts';
import { applyHeaderEdits } from '#core/header-edits.ts';
import { decodedParameter, withoutParameter } from '#core/query.ts';
import { exchangeValues, fieldsOf } from '#templates/exchange-values.ts';
import { openTemplates, type Templates } from '#templates/templates.ts';
import { compileBodyRules, formOf, readBody } from './body-rules.ts';
import { compileHeaderRules } from './header-rules.ts';
import type { TransformSettings } from './schema.ts';

/** Changes requests and answers: headers, path, query and bodies. */
export const transform: PolicyKind<TransformSettings> = {
  name: 'transform',
  create: (settings, services) => createTransform(settings, openTemplates(services)),
};

type Query = NonNullable<NonNullable<TransformSettings['request']>['query']>;

const usualBytes = 1024 * 1024;

/** @throws Error for a path, a template or a header that cannot be used. */
function createTransform(settings: TransformSettings, templates: Templates): Policy {
  const { request = {}, response = {}, strictVariables: strict = false } = settings;
  const path = request.path === undefined ? null : templates.compile(request.path, { place: 'url', strict });
  const query = request.query && compileQuery(request.query, templates, strict);
  const headers = request.headers && compileHeaderRules(request.headers, templates, strict);
  const body = request.body && compileBodyRules(request.body, templates, strict);
  const answerHeaders = response.headers && compileHeaderRules(response.headers, templates, strict);
  const answerBody = response.body && compileBodyRules(response.body, templates, strict);
  const { maxBytes = usualBytes } = response.body ?? {};
  const bodyOf = new WeakMap<Exchange, unknown>();

  const onCall = (exchange: Exchange): void => {
    const values = exchangeValues(exchange, bodyOf.has(exchange) ? { body: bodyOf.get(exchange) } : {});
    if (path || query)
      exchange.place = {
        path: path ? placed(path.render(values)) : (exchange.place?.path ?? null),
        query: query
          ? query(exchange.place?.query ?? exchange.head.query, values)
          : (exchange.place?.query ?? null),
      };
    if (headers) exchange.upstreamHeaders.push(...headers(exchange.head.headers, values));
    // An answer that is to be changed is to come as it is.
    if (answerBody) exchange.upstreamHeaders.push({ name: 'accept-encoding', value: 'identity', add: false });
  };
  const isHttpOnly = path !== null || query !== undefined || answerBody !== undefined;
  return {
    name: 'transform',
    summary: `request: ${told(request)}; response: ${told(response)}`,
    ...(isHttpOnly && { httpOnly: 'path, query and bodies of answers of models are their dialect’s' }),
    ...(body && {
      readsBody: ({ head }: Exchange) => formOf(headerOf(head.headers, 'content-type')) !== null,
      rewriteBody(exchange: Exchange, came: Buffer) {
        const contentType = headerOf(exchange.head.headers, 'content-type')!;
        const sent = body(readCame(came, contentType), contentType, exchangeValues(exchange));
        if (sent.contentType !== contentType)
          exchange.upstreamHeaders.push({ name: 'content-type', value: sent.contentType, add: false });
        bodyOf.set(exchange, sent.document);
        return sent.body;
      },
    }),
    ...((path || query || headers || answerBody) && { onCall }),
    ...(answerHeaders && {
      onAnswer: (exchange: Exchange, status: number, came: readonly string[]) =>
        applyHeaderEdits(
          came,
          answerHeaders(came, exchangeValues(exchange, { response: { status, headers: fieldsOf(came) } })),
        ),
    }),
    ...(answerBody && {
      rewriteAnswer(exchange: Exchange, status: number, came: readonly string[]) {
        const contentType = headerOf(came, 'content-type');
        if (formOf(contentType) === null || status < 200 || status > 299 || status === 206) return null;
        const values = exchangeValues(exchange, { response: { status, headers: fieldsOf(came) } });
        return {
          maxBytes,
          rewrite(whole) {
            const { body: sent, contentType: type } = answerBody(
              readAnswer(whole.body, contentType!),
              contentType!,
              values,
            );
            const headers = [...withoutHeaders(whole.headers, contentTypes), 'content-type', type];
            return { ...whole, headers, body: sent };
          },
        };
      },
    }),
  };
}

const contentTypes = new Set(['content-type']);

/** A value that is a segment must not lead elsewhere. @throws Fault `request/malformed` */
function placed(path: string): string {
  const segments = path.split('/');
  if (!path.startsWith('//') && !segments.includes('.') && !segments.includes('..')) return path;
  throw new Fault('request/malformed', 'What stands in this request cannot be a segment of a path.');
}

/** @throws Fault `request/body-not-json` */
function readCame(body: Buffer, contentType: string): unknown {
  try {
    return readBody(body, contentType);
  } catch {
    throw new Fault('request/body-not-json', 'The body is not JSON, which its Content-Type says it is.');
  }
}

/** @throws Fault `upstream/malformed-answer` */
function readAnswer(body: Buffer, contentType: string): unknown {
  try {
    return readBody(body, contentType);
  } catch {
    throw new Fault(
      'upstream/malformed-answer',
      'The answer is not JSON, which its Content-Type says it is.',
    );
  }
}

function compileQuery(
  { remove = [], rename = {}, set = {} }: Query,
  templates: Templates,
  strict: boolean,
): (query: string, values: object) => string {
  const renamed = new Map(Object.entries(rename));
  const texts = Object.entries(set).map(
    ([name, text]) => [name, templates.compile(text, { place: 'text', strict })] as const,
  );
  return (query, values) => {
    let left = query;
    for (const name of remove) left = withoutParameter(left, name);
    const pairs = left === '' ? [] : left.split('&').map((pair) => renamedPair(pair, renamed));
    let sent = pairs.join('&');
    for (const [name, template] of texts) {
      sent = withoutParameter(sent, name);
      const pair = `${encodeURIComponent(name.toWellFormed())}=${encodeURIComponent(template.render(values))}`;
      sent = sent === '' ? pair : `${sent}&${pair}`;
    }
    return sent;
  };
}

function renamedPair(pair: string, renamed: ReadonlyMap<string, string>): string {
  const [name] = /^[^=]*/.exec(pair)!;
  const to = renamed.get(decodedParameter(name));
  return to === undefined ? pair : encodeURIComponent(to.toWellFormed()) + pair.slice(name.length);
}

const told = (side: object): string => Object.keys(side).join(', ') || 'as it is';
