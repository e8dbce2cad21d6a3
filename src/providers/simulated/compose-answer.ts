/** What the simulated model says, in the words of openai-chat. Pure: pacing and delivery are the upstream's. */

const longestEcho = 2000;

export interface SimulatedAnswer {
  readonly model: string;
  /** One token each. */
  readonly pieces: readonly string[];
  readonly finishReason: 'stop' | 'length';
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  };
  readonly stream: boolean;
  /** Usage is on the stream only for those who ask. */
  readonly includeUsage: boolean;
}

/** A refusal, as the body of a 400. */
export class SimulatedRefusal extends Error {}

type Json = Readonly<Record<string, unknown>>;

/** @throws SimulatedRefusal naming what is wrong with the request. */
export function composeAnswer(body: string): SimulatedAnswer {
  const request = parseRequest(body);
  const { model, messages, stream, n } = request;
  if (typeof model !== 'string') throw new SimulatedRefusal('"model" must be a string.');
  if (!Array.isArray(messages) || messages.length === 0)
    throw new SimulatedRefusal('"messages" must be a list with at least one message.');
  if (n !== undefined && n !== null && n !== 1)
    throw new SimulatedRefusal('The simulated model gives one choice: "n" must be 1.');
  const texts = messages.map((message) => (isObject(message) ? textOf(message['content']) : ''));
  const asked = messages.findLastIndex((message) => isObject(message) && message['role'] === 'user');
  const said = (texts[asked] ?? '').slice(0, longestEcho).toWellFormed();
  const whole = piecesOf(`This is Sluice's built-in simulated model. You said: ${said}`);
  const cap = capOf(request);
  const pieces = whole.slice(0, cap);
  const promptTokens = texts.reduce((sum, text) => sum + piecesOf(text).length, 0);
  const options = request['stream_options'];
  return {
    model,
    pieces,
    finishReason: pieces.length < whole.length ? 'length' : 'stop',
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: pieces.length,
      total_tokens: promptTokens + pieces.length,
    },
    stream: stream === true,
    includeUsage: isObject(options) && options['include_usage'] === true,
  };
}

export interface AnswerIdentity {
  readonly id: string;
  readonly createdS: number;
}

export function renderWhole(answer: SimulatedAnswer, identity: AnswerIdentity): string {
  return JSON.stringify({
    id: identity.id,
    object: 'chat.completion',
    created: identity.createdS,
    model: answer.model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: answer.pieces.join(''), refusal: null },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    usage: answer.usage,
    system_fingerprint: 'simulated',
  });
}

/** The events of a stream, each as text for the wire. */
export function renderEvents(answer: SimulatedAnswer, identity: AnswerIdentity): string[] {
  const base = {
    id: identity.id,
    object: 'chat.completion.chunk',
    created: identity.createdS,
    model: answer.model,
    system_fingerprint: 'simulated',
  };
  const usage = answer.includeUsage ? { usage: null } : {};
  const event = (delta: object, finishReason: string | null) =>
    `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }], ...usage })}\n\n`;
  const events = [event({ role: 'assistant', content: '' }, null)];
  for (const content of answer.pieces) events.push(event({ content }, null));
  events.push(event({}, answer.finishReason));
  if (answer.includeUsage)
    events.push(`data: ${JSON.stringify({ ...base, choices: [], usage: answer.usage })}\n\n`);
  events.push('data: [DONE]\n\n');
  return events;
}

export function renderRefusal(message: string): string {
  return JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code: null } });
}

function parseRequest(body: string): Json {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    throw new SimulatedRefusal('The body is not valid JSON.');
  }
  if (!isObject(request)) throw new SimulatedRefusal('The body must be a JSON object.');
  return request;
}

function capOf(request: Json): number {
  const field = request['max_completion_tokens'] ?? request['max_tokens'] ?? null;
  if (field === null) return Infinity;
  if (typeof field !== 'number' || !Number.isInteger(field) || field < 1)
    throw new SimulatedRefusal('The cap on output tokens must be a whole number of at least 1.');
  return field;
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join(' ');
}

/** Words, and slices of what has no spaces. */
// The end is trimmed, for a long run of spaces that nothing follows is searched once from each of them.
const piecesOf = (text: string): string[] => text.trimEnd().match(/\s*\S{1,12}/gu) ?? [];

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
