import type { Answer } from './answer.ts';
import { readBedrockRequest } from './bedrock-request.ts';
import { eventFrame } from './event-stream.ts';
import { reportFigures, usageMode } from './figures.ts';
import type { Script } from './script.ts';
import { redactThinking, signThinking } from './signature.ts';
import type { Json } from './shape.ts';
import type { Frame } from './sse.ts';
import { onlyChoice } from './vendor-call.ts';
import type { Vendor } from './vendor-call.ts';

const PATH = /^\/model\/(.+)\/converse(-stream)?$/;
const FINISHES: Record<string, string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  refusal: 'content_filtered',
  content_filter: 'content_filtered',
};
const finishOf = (finish: string): string => FINISHES[finish] ?? finish;

/** Bedrock's Converse: whole, and as an event stream. */
export const bedrock: Vendor = {
  name: 'bedrock',
  path: '',
  answers: (url) => PATH.test(url.pathname),
  asksKey: true,
  keyOf: ({ headers }) =>
    /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ??
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1],
  streamType: 'application/vnd.amazon.eventstream',
  errorHeader: (status) => [
    'x-amzn-errortype',
    ERRORS[status] ?? (status >= 500 ? 'InternalServerException' : 'ValidationException'),
  ],
  read(body, script, url) {
    const [, model = '', stream] = PATH.exec(url.pathname)!;
    return readBedrockRequest(body, script, {
      model: decodeURIComponent(model),
      stream: stream !== undefined,
    });
  },
  renderWhole(answer, script) {
    const choice = onlyChoice(answer);
    const usage = renderUsage(answer, script);
    const thinking = choice.reasoning.join('');
    const text = [...choice.text, ...choice.refusal].join('');
    const content = [
      ...(choice.redacted ? [{ reasoningContent: { redactedContent: sealedOf(answer) } }] : []),
      ...(thinking === ''
        ? []
        : [{ reasoningContent: { reasoningText: { text: thinking, signature: signThinking(thinking) } } }]),
      ...(text === '' ? [] : [{ text }]),
      ...choice.tools.map(({ id, name, fragments }) => ({
        toolUse: { toolUseId: id, name, input: JSON.parse(fragments.join('') || '{}') as Json },
      })),
    ];
    const body = {
      output: { message: { role: 'assistant', content } },
      stopReason: finishOf(choice.finish),
      ...(usage && { usage }),
      metrics: { latencyMs: 1 },
      ...(script.unknownFields && { sim_unknown: { nested: [1] } }),
    };
    return { body, usage };
  },
  *stream(answer, script) {
    const choice = onlyChoice(answer);
    yield frame('open', 'messageStart', { role: 'assistant' });
    let index = 0;
    const delta = (of: Json, kind: Frame['kind'] = 'content') =>
      frame(kind, 'contentBlockDelta', { contentBlockIndex: index, delta: of });
    const stop = () => frame('other', 'contentBlockStop', { contentBlockIndex: index++ });
    if (choice.redacted) {
      yield delta({ reasoningContent: { redactedContent: sealedOf(answer) } }, 'other');
      yield stop();
    }
    if (choice.reasoning.length > 0) {
      for (const text of choice.reasoning) yield delta({ reasoningContent: { text } });
      yield delta({ reasoningContent: { signature: signThinking(choice.reasoning.join('')) } }, 'other');
      yield stop();
    }
    const said = [...choice.text, ...choice.refusal];
    for (const text of said) yield delta({ text });
    if (said.length > 0) yield stop();
    for (const { id, name, fragments } of choice.tools) {
      yield frame('content', 'contentBlockStart', {
        contentBlockIndex: index,
        start: { toolUse: { toolUseId: id, name } },
      });
      for (const input of fragments) yield delta({ toolUse: { input } });
      yield stop();
    }
    yield frame('finish', 'messageStop', { stopReason: finishOf(choice.finish) });
    const usage = renderUsage(answer, script);
    if (usage) yield frame('usage', 'metadata', { usage, metrics: { latencyMs: 1 } }, usage);
  },
  errorFrame: () => ({
    kind: 'other',
    data: eventFrame('exception', 'modelStreamErrorException', { message: 'The model failed' }),
    raw: true,
  }),
  renderError: (_status, message) => ({ message }),
};

const ERRORS: Record<number, string> = {
  401: 'UnrecognizedClientException',
  403: 'AccessDeniedException',
  404: 'ResourceNotFoundException',
  408: 'ModelTimeoutException',
  429: 'ThrottlingException',
  503: 'ServiceUnavailableException',
};

const sealedOf = (answer: Answer): string =>
  Buffer.from(redactThinking(answer.callNumber)).toString('base64');

/** Each event has padding, so that nobody learns from lengths. */
function frame(kind: Frame['kind'], type: string, payload: Json, usage?: Json): Frame {
  const data = eventFrame('event', type, { ...payload, p: 'abcdefgh' });
  return { kind, data, raw: true, ...(usage && { usage }) };
}

function renderUsage(answer: Answer, script: Script): Json | null {
  if (usageMode(script) === 'none') return null;
  const { uncached, cached, cacheWrite, cacheWrite1h, completion, total } = reportFigures(answer, script);
  return {
    inputTokens: uncached,
    outputTokens: completion,
    totalTokens: total,
    cacheReadInputTokens: cached,
    cacheWriteInputTokens: cacheWrite,
    ...(typeof cacheWrite1h === 'number' &&
      cacheWrite1h > 0 && { cacheDetails: [{ ttl: '1h', inputTokens: cacheWrite1h }] }),
  };
}
