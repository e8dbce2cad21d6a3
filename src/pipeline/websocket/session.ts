import type { SessionSide } from '#core/contracts/session-side.ts';
import type { UpstreamRequest } from '#core/contracts/upstream.ts';
import type { AttemptRecord } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import type { LlmRoute } from '#core/snapshot.ts';
import type { Target } from '#core/target.ts';
import { traceHeaders } from '#core/trace-context.ts';
import { entriesOf } from '#core/websocket/handshake.ts';
import type { Answer } from '../answer.ts';
import type { Try } from '../attempt-call.ts';
import { converse } from '../converse.ts';
import type { ModelCall } from '../model-call.ts';
import { bodilessCall } from '../read-call.ts';
import type { Asked } from '../operation-index.ts';
import { editHeaders, passingHeaders } from '../outbound-call.ts';
import type { Passage } from '../passage.ts';
import { recordIntent } from '../record-intent.ts';
import { settleAhead } from '../limits/settle-limits.ts';
import { requireWebSocket } from './handshake.ts';
import { SessionAttempt } from './session-attempt.ts';

/**
 * A session with a model: understood by its request line, and then a WebSocket to one of the model's targets. What it is
 * used for is counted response by response (`SessionCalls`); the session itself uses nothing.
 * @throws Fault `request/upgrade-refused`, `request/invalid-field` or `model/not-found`
 */
export function openSession(passage: Passage, asked: Asked): () => Promise<Answer> {
  const { exchange } = passage;
  const { websocket } = passage.route.route as LlmRoute;
  requireWebSocket(exchange, { upgrade: true, websocket });
  const { session } = asked.dialect;
  const name = session!.model(asked.line.query);
  const call = bodilessCall(passage, asked, { name, json: session!.body(name) });
  return async () => {
    // Each response is admitted by itself, so that the session's own place is not in its way.
    await settleAhead(passage);
    return converse(passage, call, attemptSession);
  };
}

async function attemptSession(
  passage: Passage,
  call: ModelCall,
  { target: given, deadlineMs }: Omit<Try, 'number'>,
): Promise<Answer> {
  const { exchange, gateway } = passage;
  const provider = gateway.speaking(given.provider, call.dialect);
  const dialect = provider && gateway.dialects.get(provider.dialect);
  if (!provider || dialect !== call.dialect) {
    const message = `${given.provider.name} is not known to offer sessions. Choose a model of another provider.`;
    throw new Fault('dialect/unsupported', message, { retryable: true });
  }
  const target: Target = { ...given, provider };
  const record: AttemptRecord = {
    number: exchange.attempts.length + 1,
    target,
    provider: provider.name,
    startedAtMs: gateway.clock.nowMs(),
    endedAtMs: 0,
    status: 0,
    fault: null,
    upstreamId: null,
    usage: null,
    work: 'none',
    seen: null,
    inputText: null,
  };
  await recordIntent(passage, record);
  exchange.attempts.push(record);
  const request = requestTo(passage, call, target);
  const { sign, upstream } = gateway.endpoint(provider);
  const signed = sign ? await sign(request) : request;
  try {
    return await new SessionAttempt({ passage, call, record, target }).run(upstream, signed, deadlineMs);
  } finally {
    record.endedAtMs = gateway.clock.nowMs();
  }
}

function requestTo({ exchange, gateway }: Passage, { dialect }: ModelCall, target: Target): UpstreamRequest {
  const endpoint = gateway.endpoint(target.provider);
  const { head, trace } = exchange;
  const session: SessionSide = dialect.session!;
  const passing = passingHeaders(head.headers, dialect.provider.passesHeaders);
  const headers = editHeaders(
    [
      ...endpoint.headers,
      ...dialect.provider.headers(passing),
      'x-sluice-exchange',
      exchange.id,
      ...traceHeaders(trace, trace.spanId),
    ],
    exchange.upstreamHeaders,
  );
  // Made last: a client's subprotocols may hold its key, or name accounts.
  const own = headers.filter((_, i) => !headers[i - (i % 2)]!.startsWith('sec-websocket-'));
  own.push('sec-websocket-version', '13');
  own.push('sec-websocket-key', headerOf(head.headers, 'sec-websocket-key') ?? '');
  const protocols = entriesOf(head.headers, 'sec-websocket-protocol').filter(session.passesProtocol);
  if (protocols.length > 0) own.push('sec-websocket-protocol', protocols.join(', '));
  return {
    origin: endpoint.origin,
    method: 'GET',
    path: endpoint.pathPrefix + session.path(target),
    headers: own,
    body: null,
    timeouts: target.provider.timeouts,
    idempotent: true,
    upgrade: 'websocket',
  };
}
