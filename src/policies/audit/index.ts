import { createHash } from 'node:crypto';
import type { AnswerStage, Policy, PolicyKind, PolicyServices } from '#core/contracts/policy.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import type { Receipt } from '#core/receipt.ts';
import { parseSize } from '#core/units.ts';
import { aboutOf } from './about.ts';
import { AnswerText } from './answer-text.ts';
import { BodyRecorder, renderBody, type SeenBody } from './body-text.ts';
import { Mask } from './mask.ts';
import type { AuditPolicySettings } from './schema.ts';

/** Puts exchanges into the audit log. */
export const audit: PolicyKind<AuditPolicySettings> = { name: 'audit', create: createAudit };

/** What is known of one exchange until it is over. */
interface Seen {
  /** It was let in on the word that it is recorded. */
  mustKeep: boolean;
  request: unknown;
  answer: AnswerText | null;
  /** What the client was given is still to come when the receipt is there. */
  awaitsBody: boolean;
  receipt: Receipt | null;
}

const mostBytes = 4 * 1024 * 1024;
const httpDialects = ['raw-http', 'graphql'];

/** @throws RangeError, SyntaxError for settings that cannot be; the configuration is refused then. */
function createAudit(settings: AuditPolicySettings, { audit: log }: PolicyServices): Policy {
  const { content = 'none', onOverflow = 'drop' } = settings;
  const maxBytes = parseSize(settings.maxBytes ?? '64KiB');
  if (maxBytes < 1 || maxBytes > mostBytes)
    throw new RangeError(`audit: maxBytes is ${maxBytes}; from 1 to ${mostBytes} can be`);
  const mask = new Mask(settings.mask ?? {});
  const takesRequest = content === 'request' || content === 'both';
  const takesAnswer = content === 'answer' || content === 'both';
  const open = new WeakMap<Exchange, Seen>();
  const seenOf = (exchange: Exchange): Seen => {
    let seen = open.get(exchange);
    if (!seen) {
      seen = { mustKeep: false, request: null, answer: null, awaitsBody: false, receipt: null };
      open.set(exchange, seen);
    }
    return seen;
  };

  function put(exchange: Exchange, answer: unknown): void {
    const seen = seenOf(exchange);
    open.delete(exchange);
    const { request, receipt, mustKeep } = seen;
    const parts = {
      ...(takesRequest && request !== null ? { request } : {}),
      ...(takesAnswer && answer !== null ? { answer } : {}),
    };
    const entry = {
      kind: 'exchange' as const,
      id: exchange.id,
      route: exchange.routeName,
      project: exchange.consumer?.project ?? '',
      about: aboutOf(exchange, receipt),
      content: Object.keys(parts).length > 0 ? JSON.stringify(parts) : null,
    };
    log.put(entry, mustKeep);
  }

  function takeRequest(exchange: Exchange): void {
    const { json, body, head } = exchange;
    if (json) {
      const text = JSON.stringify(mask.value(json));
      seenOf(exchange).request =
        text.length <= maxBytes
          ? { json: JSON.parse(text) as unknown }
          : { text: text.slice(0, maxBytes), truncated: true };
    } else if (body && body.length > 0) {
      const contentType = headerOf(head.headers, 'content-type') ?? '';
      const sha256 = createHash('sha256').update(body).digest('hex');
      seenOf(exchange).request = renderBody(
        { contentType, bytes: body.length, kept: body, sha256 },
        mask,
        maxBytes,
      );
    }
  }

  /** Of a route whose answers are nobody's to understand: as the client is given it. */
  function recordBody(exchange: Exchange): void {
    seenOf(exchange).awaitsBody = true;
    // What is packed cannot be read.
    exchange.upstreamHeaders.push({ name: 'accept-encoding', value: 'identity', add: false });
    const done = (body: SeenBody | null, complete: boolean) =>
      put(exchange, body && { ...renderBody(body, mask, maxBytes), complete });
    exchange.recorders.push(new BodyRecorder(maxBytes, done));
  }

  const policy: Policy = {
    name: 'audit',
    summary:
      `an entry in the audit log for each exchange, content: ${content}` +
      (onOverflow === 'refuse' ? '; none is served that cannot be recorded' : ''),
    onSettled(exchange, receipt) {
      const seen = seenOf(exchange);
      seen.receipt = receipt;
      if (!seen.awaitsBody)
        put(exchange, seen.answer && !seen.answer.isEmpty ? seen.answer.render(mask) : null);
    },
  };
  if (onOverflow === 'refuse')
    policy.onHead = (exchange) => {
      if (!log.hasRoom()) throw noRoom();
      seenOf(exchange).mustKeep = true;
    };
  if (takesRequest) policy.readsBody = ({ head }) => head.contentLength !== 0 && head.upgrade === null;
  if (content !== 'none')
    policy.onCall = (exchange) => {
      if (takesRequest) takeRequest(exchange);
      const isHttp = httpDialects.includes(exchange.dialectName) && exchange.head.upgrade === null;
      if (takesAnswer && isHttp) recordBody(exchange);
    };
  if (takesAnswer)
    policy.openAnswer = (exchange): AnswerStage => {
      const seen = seenOf(exchange);
      // Of an attempt before, nothing was delivered unless there is something to see.
      if (!seen.answer || seen.answer.isEmpty) seen.answer = new AnswerText(maxBytes);
      const { answer } = seen;
      return {
        onEvent(event) {
          answer.take(event);
          return [event];
        },
        onEnd: () => [],
      };
    };
  return policy;
}

const noRoom = (): Fault =>
  new Fault(
    'audit/unavailable',
    'The audit log does not keep up or cannot be written, and this route serves nothing that is not recorded. Try again later.',
    { headers: ['retry-after', '5'] },
  );
