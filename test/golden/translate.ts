/** What the gateway makes of a case's input, section by section. */
import { eventFrame } from '../../simulator/event-stream.ts';
import { framesOf } from '../conformance/dialect/bedrock-converse/frames.ts';
import type { Conversation } from '#core/call.ts';
import type { Dialect, RenderContext } from '#core/contracts/dialect.ts';
import { faultFrom } from '#core/fault.ts';
import { framingOf, lineOf } from '../conformance/dialect/read-stream.ts';
import type { Target } from '#core/target.ts';
import { renderOutbound } from '#pipeline/outbound-call.ts';
import type { ModelCall } from '#pipeline/model-call.ts';
import type { Passage } from '#pipeline/passage.ts';
import { TransformStream } from '#pipeline/transform-stream.ts';

type Settings = Record<string, unknown>;

const targetOf = (dialect: Dialect, settings: Settings): Target =>
  ({
    provider: { name: 'p', dialect: dialect.name, quirks: settings['quirks'] ?? {} },
    model: 'target-model',
    defaultMaxOutputTokens: settings['defaultMaxOutputTokens'] ?? 4096,
  }) as unknown as Target;

/** `rendered` and `lost`, and `strict` when something is; or `refused`. */
export function translateCall(from: Dialect, to: Dialect, input: Settings, settings: Settings): Map<string, string> {
  const target = targetOf(to, settings);
  let conversation: Conversation;
  try {
    conversation = from.client.parseCall(input, lineOf(from));
  } catch (thrown) {
    const { code, message } = faultFrom(thrown);
    return new Map([['refused', `${code}: ${message}`]]);
  }
  const { body, losses } = to.provider.renderCall(conversation, target);
  const result = new Map([['rendered', body]]);
  result.set('lost', losses.map(({ field, reason }) => `${field}: ${reason}`).join('\n'));
  if (losses.length) result.set('strict', strictRefusal(from, to, { conversation, target }));
  return result;
}

/** What a caller is told who forbids that anything is dropped. */
function strictRefusal(from: Dialect, to: Dialect, of: { conversation: Conversation; target: Target }): string {
  const passage = {
    exchange: { strict: true, losses: [] },
    gateway: { dialects: new Map([[to.name, to]]), endpoint: () => ({}) },
  } as unknown as Passage;
  const call = { dialect: from, conversation: () => of.conversation } as unknown as ModelCall;
  try {
    renderOutbound(passage, call, { target: of.target, continuation: null, number: 1 });
  } catch (thrown) {
    const { code, status, message } = faultFrom(thrown);
    return `${status} ${code}: ${message}`;
  }
  throw new Error('strict mode let it pass');
}

const contextOf = (to: Dialect, settings: Settings): RenderContext => ({
  model: 'asked-model',
  exchangeId: 'X1',
  nowS: 1_790_000_000,
  wantsUsage: settings['wantsUsage'] !== false,
  body: {},
  line: lineOf(to),
});

export function translateAnswer(from: Dialect, to: Dialect, input: Settings, settings: Settings): string {
  const events = from.provider.parseAnswer(input, targetOf(from, settings));
  return to.client.renderAnswer(events, contextOf(to, settings));
}

/** As it goes to the client, with the ending that the gateway supplies where the provider's is missing. */
export function translateStream(from: Dialect, to: Dialect, input: string, settings: Settings): string {
  const stream = new TransformStream({
    reader: from.provider.eventReader(targetOf(from, settings)),
    framing: framingOf(from, lineOf(from)),
    client: to.client,
    context: contextOf(to, settings),
    stages: [],
    sameDialect: false,
    provider: 'p',
    withoutUsage: null,
    mayGoOn: false,
  });
  const said: (Buffer | string | null)[] = [];
  const asText = () => shown(to, said);
  try {
    // Event by event, as they come: what was said before an error has long been delivered.
    for (const event of eventsIn(from, input)) said.push(stream.push(event));
    if (!stream.ended) said.push(stream.finish());
    if (stream.fault) throw stream.fault;
  } catch (thrown) {
    said.push(to.client.renderFaultEvent(faultFrom(thrown), 'X1', lineOf(to)));
    return asText();
  }
  said.push(
    stream.ended
      ? stream.rest()
      : to.client.renderEnding({ reason: 'stop', usage: stream.usage }, stream.state, contextOf(to, settings)),
  );
  return asText();
}

const isBinary = ({ client }: Dialect): boolean => client.streamEncoding === 'latin1';

/** A binary stream stands in a case as a line for each of its frames: the payload under its type. */
function eventsIn(from: Dialect, input: string): Buffer[] {
  if (!isBinary(from)) return input.split(/(?<=\n\n)/).map((event) => Buffer.from(event));
  const lines = input.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const [[type, payload]] = Object.entries(JSON.parse(line) as object) as [[string, unknown]];
    return eventFrame(type.endsWith('Exception') ? 'exception' : 'event', type, payload);
  });
}

function shown(to: Dialect, said: readonly (Buffer | string | null)[]): string {
  if (!isBinary(to)) return said.map((piece) => piece?.toString() ?? '').join('');
  const bytes = said.map((piece) => (typeof piece === 'string' ? piece : (piece?.toString('latin1') ?? ''))).join('');
  return framesOf(bytes)
    .map(({ headers, payload }) => `${JSON.stringify({ [headers[':event-type'] ?? headers[':exception-type']!]: payload })}\n`)
    .join('');
}

/** Status, retry headers and body. */
export function translateError(from: Dialect, to: Dialect, input: string, status: number): [string, string] {
  const fault = from.provider.parseFault(status, ['retry-after', '7', 'x-other', 'no'], Buffer.from(input));
  const { body } = to.client.renderFault(fault, 'X1');
  const retry = fault.retryable ? 'another target may be tried' : 'no other target is tried';
  return [`${fault.status} ${(fault.details.headers ?? []).join(' ')}; ${retry}`, body];
}
