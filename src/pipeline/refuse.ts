import type { Dialect } from '#core/contracts/dialect.ts';
import type { Exchange } from '#core/exchange.ts';
import { faultFrom, faultKinds, type Fault } from '#core/fault.ts';
import type { Outcome } from '#core/receipt.ts';
import { nothingLeft, wholeAnswer, type Answer } from './answer.ts';
import { clientDialect } from './client-dialect.ts';
import { grpcFault, speaksGrpc } from './grpc-fault.ts';
import { refuseGraphql, speaksGraphql } from './graphql/refuse-graphql.ts';
import type { ModelCall } from './model-call.ts';
import type { Passage } from './passage.ts';

/** Turns whatever was thrown into the client's own kind of error. A bug is reported, and shows nothing of itself. */
export function refuse(passage: Passage, thrown: unknown): Answer {
  const { exchange, gateway } = passage;
  const fault = faultFrom(thrown);
  if (fault.code === 'gateway/internal' || fault.code === 'policy/failed')
    gateway.observer.failed(exchange, fault.cause ?? fault);
  exchange.fault = fault;
  exchange.outcome = outcomeOf(fault);
  exchange.status = fault.status;
  if (exchange.inbound.gone) {
    exchange.outcome = 'client_gone';
    return nothingLeft;
  }
  if (speaksGrpc(exchange.head)) return refuseGrpc(passage, fault);
  if (speaksGraphql(passage.route)) return refuseGraphql(passage, fault);
  const dialect = clientDialect(passage);
  const { headers, body } = dialect ? renderFault(exchange, dialect, fault) : problem(fault, exchange.id);
  // What an upstream said of itself beside its error is the client's to know, in its own words.
  const last = exchange.attempts.at(-1);
  const upstream = last?.fault === fault ? last : null;
  const report = exchange.limits ?? upstream?.limits;
  const limits = dialect && report ? dialect.client.limitHeaders(report) : [];
  const requestId = dialect ? [dialect.client.requestIdHeader, upstream?.upstreamId ?? exchange.id] : [];
  return wholeAnswer(passage, {
    status: fault.status,
    headers: [...headers, ...requestId, ...limits, ...(fault.details.headers ?? [])],
    body,
  });
}

/** A client of gRPC looks for its status in the trailers, which here are the whole answer. */
function refuseGrpc(passage: Passage, fault: Fault): Answer {
  const headers = [...grpcFault(fault), ...(fault.details.headers ?? [])];
  const answer = wholeAnswer(passage, { status: 200, headers, body: null });
  passage.exchange.status = fault.status;
  return answer;
}

/** An upstream's error in the client's own dialect keeps its bytes. */
function renderFault(
  exchange: Exchange,
  dialect: Dialect,
  fault: Fault,
): { headers: readonly string[]; body: Buffer | string } {
  const { upstreamBody } = fault.details;
  const last = exchange.attempts.at(-1);
  // What a provider keeps is asked of it in the client's dialect alone, and for no target.
  const spoken = last?.target ? last.target.provider.dialect : dialect.name;
  const rendered = dialect.client.renderFault(fault, exchange.id);
  if (!upstreamBody || spoken !== dialect.name) return rendered;
  return { headers: rendered.headers, body: Buffer.from(upstreamBody) };
}

export function outcomeOf(fault: Fault): Outcome {
  if (fault.code === 'client/gone') return 'client_gone';
  if (fault.code.endsWith('-timeout')) return 'timeout';
  return fault.blame === 'upstream' ? 'upstream_error' : 'refused';
}

/** An error of the dialect the client speaks, given after its stream has begun. */
export function faultEvent(
  { dialect, line }: Pick<ModelCall, 'dialect' | 'line'>,
  fault: Fault,
  exchange: Exchange,
): Buffer {
  const { renderFaultEvent, streamEncoding } = dialect.client;
  return Buffer.from(renderFaultEvent(fault, exchange.id, line), streamEncoding ?? 'utf8');
}

/** RFC 9457 problem details. */
function problem(fault: Fault, exchangeId: string): { headers: string[]; body: string } {
  const document = {
    type: `urn:sluice:fault:${fault.code}`,
    title: faultKinds[fault.code].title,
    status: fault.status,
    detail: fault.message,
    code: fault.code === 'policy/refused' ? (fault.details.upstreamCode ?? fault.code) : fault.code,
    exchange: exchangeId,
    ...(fault.details.errors ? { errors: fault.details.errors } : {}),
  };
  return { headers: ['content-type', 'application/problem+json'], body: JSON.stringify(document) };
}
