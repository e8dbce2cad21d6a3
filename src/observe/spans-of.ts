import type { AttemptRecord, Exchange } from '#core/exchange.ts';
import { totalCost } from '#core/price.ts';
import type { AttemptLine, Receipt } from '#core/receipt.ts';
import type { Attributes, SpanRecord } from '#core/telemetry.ts';
import { attemptSpan } from '#core/trace-context.ts';
import { totalsOf } from '#core/usage.ts';

const longestText = 1024;
const cut = (text: string): string => (text.length > longestText ? `${text.slice(0, longestText)}…` : text);

/** Names of the conventions for providers that are called otherwise here. */
const providerNames: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  bedrock: 'aws.bedrock',
  'bedrock-claude': 'aws.bedrock',
  google: 'gcp.gemini',
  mistral: 'mistral_ai',
  vertex: 'gcp.vertex_ai',
  'vertex-claude': 'gcp.vertex_ai',
  xai: 'x_ai',
};
/** Operations of the conventions, by the client's dialect; of others it is a chat. */
const operations: Readonly<Record<string, string>> = {
  'gemini-generate': 'generate_content',
  'openai-completions': 'text_completion',
  'openai-embeddings': 'embeddings',
  'cohere-embed': 'embeddings',
  'gemini-embed': 'embeddings',
  'ollama-embed': 'embeddings',
  'cohere-rerank': 'rerank',
  'jina-rerank': 'rerank',
};
const chats = /-(?:chat|messages|responses|converse)$/;

/** As the conventions name it; of what they have no word for, the dialect's name. */
const operationOf = (dialect: string): string =>
  operations[dialect] ?? (chats.test(dialect) ? 'chat' : dialect);

/**
 * An exchange as spans: the server's own, below it one for each attempt and one for each policy that took its time. Names are
 * those of OpenTelemetry's conventions for HTTP and for generative AI; what they have no word for begins with `sluice.`. No
 * header, no query and no content is in them.
 */
export function spansOf(exchange: Exchange, receipt: Receipt): SpanRecord[] {
  const { trace } = exchange;
  const below = { traceId: trace.traceId, parent: trace.spanId, state: trace.state };
  const spans: SpanRecord[] = [serverSpan(exchange, receipt)];
  for (const attempt of receipt.attempts) {
    const record = exchange.attempts.find(({ number }) => number === attempt.number);
    spans.push({
      ...below,
      spanId: attemptSpan(trace, attempt.number),
      ...attemptOf(exchange, receipt, { attempt, record }),
    });
  }
  for (const [i, { policy, startedAtMs, endedAtMs }] of (exchange.waits ?? []).entries()) {
    spans.push({
      ...below,
      // Numbers of attempts are positive.
      spanId: attemptSpan(trace, -1 - i),
      name: `policy ${policy}`,
      kind: 'internal',
      startedAtMs,
      endedAtMs,
      attributes: { 'sluice.policy': policy },
      error: null,
    });
  }
  return spans;
}

function serverSpan({ trace, head, queuedMs, decidedBy }: Exchange, receipt: Receipt): SpanRecord {
  const { subjects, status, fault } = receipt;
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parent: trace.parent,
    state: trace.state,
    name: receipt.route === '' ? head.method : `${head.method} ${receipt.route}`,
    kind: 'server',
    startedAtMs: receipt.admittedAtMs,
    endedAtMs: receipt.settledAtMs,
    attributes: {
      'http.request.method': head.method,
      'http.response.status_code': status || null,
      'url.scheme': head.scheme,
      'url.path': cut(head.path),
      'server.address': cut(head.host),
      'client.address': head.clientAddress,
      'error.type': fault,
      'sluice.exchange': receipt.id,
      'sluice.route': receipt.route,
      'sluice.dialect': receipt.dialect,
      'sluice.outcome': receipt.outcome,
      'sluice.key': subjects.key || null,
      'sluice.project': subjects.project || null,
      'sluice.team': subjects.team || null,
      'sluice.service': subjects.service,
      'sluice.queued_ms': queuedMs > 0 ? Math.round(queuedMs) : null,
      'sluice.decided_by': decidedBy,
    },
    // What a client did wrong is no failure of the server's (HTTP conventions, status of spans).
    error: status >= 500 || receipt.outcome === 'upstream_error' ? (fault ?? String(status)) : null,
  };
}

interface Attempted {
  readonly attempt: AttemptLine;
  readonly record: AttemptRecord | undefined;
}

function attemptOf(exchange: Exchange, receipt: Receipt, { attempt, record }: Attempted) {
  const { startedAtMs, endedAtMs, status, fault } = attempt;
  const isModel = record ? record.target !== null : attempt.model !== '';
  const failed = fault ?? (status >= 400 ? String(status) : null);
  const attributes: Attributes = {
    'http.response.status_code': status || null,
    'server.address': record?.target ? hostOf(record.target.provider.baseUrl) : null,
    'error.type': failed,
    'sluice.attempt': attempt.number,
    'sluice.provider': attempt.provider,
    'sluice.flags': attempt.flags.length > 0 ? attempt.flags : null,
    ...(isModel ? ofModel(exchange, receipt, { attempt, record }) : {}),
  };
  const operation = operationOf(receipt.dialect);
  return {
    name: isModel ? `${operation} ${attempt.model}` : `${exchange.head.method} ${attempt.provider}`,
    kind: 'client' as const,
    startedAtMs,
    endedAtMs,
    attributes,
    error: failed,
  };
}

/** https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ (status: development). */
function ofModel({ brief }: Exchange, receipt: Receipt, { attempt, record }: Attempted): Attributes {
  const tokens = totalsOf(attempt.lines.map(({ line }) => line));
  const counted = attempt.lines.length > 0;
  const { firstContentAtMs } = receipt;
  const answered = attempt === receipt.attempts.at(-1) && firstContentAtMs !== null;
  return {
    'gen_ai.operation.name': operationOf(receipt.dialect),
    'gen_ai.provider.name': providerNames[attempt.provider] ?? attempt.provider,
    'gen_ai.request.model': attempt.model,
    'gen_ai.request.stream': brief?.stream,
    'gen_ai.request.max_tokens': brief?.maxOutputTokens,
    'gen_ai.request.choice.count': brief && brief.choices !== 1 ? brief.choices : null,
    'gen_ai.response.id': record?.facts?.id || null,
    'gen_ai.response.model': record?.facts?.model || null,
    'gen_ai.response.finish_reasons': record?.facts?.finish.length ? record.facts.finish : null,
    'gen_ai.response.time_to_first_chunk':
      answered && brief?.stream
        ? { double: Math.max(0, firstContentAtMs - attempt.startedAtMs) / 1000 }
        : null,
    'gen_ai.usage.input_tokens': counted ? tokens.input : null,
    'gen_ai.usage.output_tokens': counted ? tokens.output : null,
    'gen_ai.usage.cache_read.input_tokens': tokens.cacheRead || null,
    'gen_ai.usage.cache_creation.input_tokens': tokens.cacheWrite || null,
    'gen_ai.usage.reasoning.output_tokens': tokens.reasoning || null,
    'sluice.usage.source': attempt.usageSource,
    'sluice.cost.nano': attempt.priceVersion === null ? null : Number(totalCost(attempt)),
    'sluice.cost.currency': attempt.priceVersion === null ? null : attempt.currency,
  };
}

function hostOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null;
}
