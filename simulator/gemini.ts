import { createHash } from 'node:crypto';
import type { Answer } from './answer.ts';
import { reportFigures, usageMode } from './figures.ts';
import { thinksInLevels } from './gemini-fields.ts';
import { readGeminiRequest } from './gemini-request.ts';
import type { Script } from './script.ts';
import type { Json } from './shape.ts';
import { renderJson } from './sse.ts';
import type { Frame } from './sse.ts';
import type { Vendor } from './vendor-call.ts';

const FINISHES: Record<string, string> = {
  stop: 'STOP',
  end_turn: 'STOP',
  stop_sequence: 'STOP',
  tool_calls: 'STOP',
  tool_use: 'STOP',
  refusal: 'STOP',
  length: 'MAX_TOKENS',
  max_tokens: 'MAX_TOKENS',
  content_filter: 'SAFETY',
};
const STATUSES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};
const MODELS =
  /^\/(?:v1|v1beta|v1beta1)\/(?:projects\/[^/]+\/locations\/[^/]+\/)?(?:publishers\/google\/)?models\/(.+):(generateContent|streamGenerateContent)$/;

type Form = 'whole' | 'sse' | 'array';

/** Gemini's generateContent: one answer, server-sent events, or one array of what would be the events. */
const gemini = (form: Form): Vendor => ({
  name: 'gemini',
  path: '',
  answers: ({ pathname, searchParams }) => {
    const method = MODELS.exec(pathname)?.[2];
    if (method !== 'streamGenerateContent') return method !== undefined && form === 'whole';
    return form === (searchParams.get('alt') === 'sse' ? 'sse' : 'array');
  },
  asksKey: true,
  keyOf: ({ headers }, url) =>
    (headers['x-goog-api-key'] as string | undefined) ??
    url.searchParams.get('key') ??
    /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],
  retriesInBody: true,
  ...(form === 'array' && { streamType: 'application/json; charset=UTF-8' }),
  read: (body, script, url) =>
    readGeminiRequest(body, script, { model: MODELS.exec(url.pathname)![1]!, stream: form !== 'whole' }),
  renderWhole(answer, script) {
    const usage = renderUsage(answer, script);
    const candidates = answer.choices.map((choice, index) => ({
      content: { parts: partsOf(answer, choice).flatMap(joinTexts), role: 'model' },
      finishReason: FINISHES[choice.finish] ?? choice.finish,
      index,
    }));
    return {
      body: { candidates, ...(usage && { usageMetadata: usage }), ...envelope(answer, script) },
      usage,
    };
  },
  *stream(answer, script) {
    let isFirst = true;
    const frame = (kind: Frame['kind'], fields: Json, usage: Json | null): Frame => {
      const data = { ...fields, ...(usage && { usageMetadata: usage }), ...envelope(answer, script) };
      const start = isFirst ? '[' : ',\r\n';
      isFirst = false;
      const text = form === 'array' ? { data: start + renderJson(data), raw: true } : { data };
      return { kind, ...text, ...(usage && { usage }) };
    };
    let said = 0;
    let thought = 0;
    for (const [index, choice] of answer.choices.entries()) {
      for (const part of partsOf(answer, choice)) {
        said++;
        if (part.thought) thought++;
        const usage = renderUsage(answer, script, { completion: said, reasoning: thought });
        const candidate = { content: { parts: [part], role: 'model' }, index };
        yield frame(isSilent(part) ? 'other' : 'content', { candidates: [candidate] }, usage);
      }
    }
    if (!script.noDone) {
      const candidates = answer.choices.map((choice, index) => ({
        content: { parts: [{ text: '' }], role: 'model' },
        finishReason: FINISHES[choice.finish] ?? choice.finish,
        index,
      }));
      yield frame('finish', { candidates }, renderUsage(answer, script));
    }
    if (form === 'array') yield { kind: 'done', data: ']', raw: true };
  },
  errorFrame() {
    const data = errorOf(500, 'An internal error has occurred.', []);
    return form === 'array'
      ? { kind: 'other', data: `,\r\n${renderJson(data)}]`, raw: true }
      : { kind: 'other', data };
  },
  renderError(status, message, _id, retryAfter) {
    const type = 'type.googleapis.com/google.rpc.RetryInfo';
    const error = errorOf(
      status,
      message,
      retryAfter === undefined ? [] : [{ '@type': type, retryDelay: `${retryAfter}s` }],
    );
    return form === 'array' ? [error] : error;
  },
});

export const geminis: readonly Vendor[] = [gemini('whole'), gemini('sse'), gemini('array')];

const errorOf = (code: number, message: string, details: Json[]): Json => ({
  error: { code, message, status: STATUSES[code] ?? 'UNKNOWN', ...(details.length > 0 && { details }) },
});

const isSilent = (part: Json): boolean => part.text === '' && part.thoughtSignature !== undefined;

/** Later models prove what they thought: on the first call, or on a last part without text. */
function partsOf(answer: Answer, choice: Answer['choices'][number]): Json[] {
  const proves = thinksInLevels(answer.model) && (choice.reasoning.length > 0 || choice.tools.length > 0);
  const proof = proves ? { thoughtSignature: signThought(choice.reasoning.join('')) } : {};
  const calls = choice.tools.map(({ name, fragments }, at) => {
    const text = fragments.join('');
    const args = text === '' ? {} : { args: JSON.parse(text) as unknown };
    return { functionCall: { name, ...args }, ...(at === 0 && proof) };
  });
  return [
    ...choice.reasoning.map((text) => ({ text, thought: true })),
    ...[...choice.text, ...choice.refusal].map((text) => ({ text })),
    ...calls,
    ...(proves && calls.length === 0 ? [{ text: '', ...proof }] : []),
  ];
}

/** Base64, as bytes are in JSON. */
const signThought = (text: string): string =>
  `c2ltLXRo${createHash('sha256').update(text).digest('base64').slice(0, 32)}`;

/** A whole answer has its thoughts in one part, and its text in another. */
function joinTexts(part: Json, at: number, parts: Json[]): Json[] {
  const isPlain = (of: Json | undefined) => typeof of?.text === 'string' && of.thoughtSignature === undefined;
  if (!isPlain(part)) return [part];
  const before = parts[at - 1];
  if (isPlain(before) && before?.thought === part.thought) return [];
  let text = '';
  for (const of of parts.slice(at)) {
    if (!isPlain(of) || of.thought !== part.thought) break;
    text += of.text as string;
  }
  return [{ ...part, text }];
}

function envelope(answer: Answer, script: Script): Json {
  return {
    modelVersion: answer.model,
    responseId: `sim${answer.callNumber}`,
    ...(script.unknownFields && { simUnknown: { nested: [1] } }),
  };
}

function renderUsage(
  answer: Answer,
  script: Script,
  sent?: { completion: number; reasoning: number },
): Json | null {
  if (usageMode(script) === 'none') return null;
  const { prompt, completion, reasoning, cached, total } = reportFigures(answer, script, sent);
  const candidates =
    typeof completion === 'number' &&
    typeof reasoning === 'number' &&
    completion >= 0 &&
    usageMode(script) === 'normal'
      ? completion - reasoning
      : completion;
  return {
    promptTokenCount: prompt,
    ...(cached !== 0 && { cachedContentTokenCount: cached }),
    candidatesTokenCount: candidates,
    ...(reasoning !== 0 && { thoughtsTokenCount: reasoning }),
    totalTokenCount: total,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: prompt }],
  };
}
