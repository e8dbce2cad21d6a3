import {
  advance,
  blockOf,
  newStreamState,
  ordinalOf,
  type AnswerEvent,
  type BlockKind,
  type BlockStart,
  type Citation,
  type StreamState,
} from '#core/answer.ts';
import type { JsonObject } from '#core/call.ts';
import type { Ending } from '#core/contracts/dialect.ts';
import { toBytes } from '#core/opaque-state.ts';
import { isObject } from '#core/read-json.ts';
import type { Usage } from '#core/usage.ts';
import { frameOf } from './framing.ts';
import { renderStopReason } from './stop-reason.ts';
import { renderUsage } from './usage.ts';

/** Kinds of blocks that have a word here; a refusal is text. Opaque ones of other dialects have none. */
const shown: readonly BlockKind[] = ['text', 'reasoning', 'refusal', 'tool-call'];

const event = (type: string, payload: JsonObject): string => frameOf('event', type, payload);

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */
export function renderEvent(given: AnswerEvent, state: StreamState): string {
  if ('choice' in given && given.choice !== 0) return '';
  switch (given.type) {
    case 'start':
      return event('messageStart', { role: 'assistant' });
    case 'block-start':
      return shown.includes(given.kind) ? renderStart(given, state) : '';
    case 'delta': {
      const kind = blockOf(state, given)?.kind ?? 'text';
      return shown.includes(kind) ? renderDelta(given, state, deltaOf(kind, given.text)) : '';
    }
    case 'signature': {
      // Only reasoning has a place for a proof.
      if (blockOf(state, given)?.kind !== 'reasoning') return '';
      return renderDelta(given, state, { reasoningContent: { signature: given.signature } });
    }
    case 'citation':
      return renderDelta(given, state, { citation: renderCitation(given.citation) });
    case 'block-stop':
      return isShown(state, given)
        ? event('contentBlockStop', { contentBlockIndex: ordinalOf(state, given, shown) })
        : '';
    case 'finish':
      return renderStop(given);
    case 'end':
      return (state.finish ? '' : renderStop({ reason: 'stop' })) + renderMetadata(state.usage);
    default:
      // Usage is said last.
      return '';
  }
}

interface Place {
  readonly choice: number;
  readonly block: number;
}

const isShown = (state: StreamState, at: Place): boolean =>
  shown.includes(blockOf(state, at)?.kind ?? 'opaque');

const renderDelta = (at: Place, state: StreamState, delta: JsonObject): string =>
  event('contentBlockDelta', { contentBlockIndex: ordinalOf(state, at, shown), delta });

/** Only tools begin with a word; what is sealed comes whole. */
function renderStart(block: BlockStart, state: StreamState): string {
  const index = state.begun.filter(({ choice, kind }) => choice === 0 && shown.includes(kind)).length;
  if (block.kind === 'tool-call') {
    const toolUse = { toolUseId: block.id ?? '', name: block.name ?? '' };
    return event('contentBlockStart', { contentBlockIndex: index, start: { toolUse } });
  }
  if (block.sealed === undefined) return '';
  const delta = { reasoningContent: { redactedContent: toBytes(block.sealed) } };
  return event('contentBlockDelta', { contentBlockIndex: index, delta });
}

function deltaOf(kind: BlockKind, text: string): JsonObject {
  if (kind === 'tool-call') return { toolUse: { input: text } };
  return kind === 'reasoning' ? { reasoningContent: { text } } : { text };
}

const renderCitation = ({ url, title, quote }: Citation): JsonObject => ({
  ...(title === null ? {} : { title }),
  ...(quote === null ? {} : { sourceContent: [{ text: quote }] }),
  ...(url === null ? {} : { location: { web: { url } } }),
});

const renderStop = ({
  reason,
  stopSequence,
}: Pick<AnswerEvent & { type: 'finish' }, 'reason' | 'stopSequence'>) =>
  event('messageStop', { stopReason: renderStopReason(reason, stopSequence) });

const renderMetadata = (usage: Usage | null): string =>
  event('metadata', { usage: renderUsage(usage), metrics: { latencyMs: 0 } });

export function renderEnding(ending: Ending, state: StreamState): string {
  if (state.ended) return '';
  const begin = state.started ? '' : event('messageStart', { role: 'assistant' });
  const stops = state.open
    .filter((block) => block.choice === 0 && shown.includes(block.kind))
    .map((block) => event('contentBlockStop', { contentBlockIndex: ordinalOf(state, block, shown) }));
  const stop = state.finish ? '' : renderStop({ reason: ending.reason });
  return begin + stops.join('') + stop + renderMetadata(ending.usage ?? state.usage);
}

/** https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax */
export function renderAnswer(events: readonly AnswerEvent[]): string {
  const state = newStreamState();
  const content: { block: BlockStart; text: string; signature: string; citations: JsonObject[] }[] = [];
  for (const given of events) {
    if (!('choice' in given) || given.choice === 0) {
      if (given.type === 'block-start' && shown.includes(given.kind))
        content.push({ block: given, text: '', signature: '', citations: [] });
      else if (given.type === 'delta' || given.type === 'signature' || given.type === 'citation') {
        const entry = content.find(({ block }) => block.block === given.block);
        if (entry && given.type === 'delta') entry.text += given.text;
        else if (entry && given.type === 'signature') entry.signature = given.signature;
        else if (entry && given.type === 'citation') entry.citations.push(renderCitation(given.citation));
      }
    }
    advance(state, given);
  }
  const { finish, usage } = state;
  return JSON.stringify({
    output: { message: { role: 'assistant', content: content.map(wholeBlock) } },
    stopReason: renderStopReason(finish?.reason ?? 'stop', finish?.stopSequence),
    usage: renderUsage(usage),
    metrics: { latencyMs: 0 },
  });
}

function wholeBlock(entry: {
  readonly block: BlockStart;
  readonly text: string;
  readonly signature: string;
  readonly citations: readonly JsonObject[];
}): JsonObject {
  const { block, text, signature, citations } = entry;
  switch (block.kind) {
    case 'tool-call':
      return { toolUse: { toolUseId: block.id ?? '', name: block.name ?? '', input: inputOf(text) } };
    case 'reasoning':
      return {
        reasoningContent:
          block.sealed === undefined
            ? { reasoningText: { text, ...(signature === '' ? {} : { signature }) } }
            : { redactedContent: toBytes(block.sealed) },
      };
    default:
      return citations.length > 0 ? { citationsContent: { content: [{ text }], citations } } : { text };
  }
}

/** Models do write broken JSON now and then: the client gets what there is. */
function inputOf(text: string): JsonObject {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : { value };
  } catch {
    return { text };
  }
}
