import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { Target } from '#core/target.ts';
import { interpretedKeys, readBrief } from './brief.ts';
import { openCallSocket } from './call-socket.ts';
import { keeping, keptOperations } from './keeping.ts';
import { parseCall } from './parse-call.ts';
import { parseAnswer, ResponseReader, type FaultOf } from './read-answer.ts';
import { renderAnswer, renderEnding, renderEvent } from './render-answer.ts';
import { renderCall } from './render-call.ts';
import { replaceState } from './replace-state.ts';
import { findVendorIds, vendorIdWords } from './vendor-ids.ts';

/** The vendor refuses a lower bound. */
const leastOutput = 16;

/**
 * OpenAI's responses: items instead of messages, and answers told by their items and parts. Errors, limits and the list of
 * models are those of the chat beside it.
 */
export const openaiResponses = (chat: Dialect): Dialect => ({
  name: 'openai-responses',
  besides: ['openai-count'],
  family: chat.family,
  client: {
    ...chat.client,
    operations: [
      { kind: 'chat', method: 'POST', path: '/v1/responses' },
      { kind: 'chat', method: 'POST', path: '/openai/responses' },
      ...keptOperations,
      { kind: 'call-socket', method: 'GET', path: '/v1/responses' },
      { kind: 'call-socket', method: 'GET', path: '/openai/responses' },
    ],
    interpretedKeys,
    brief: readBrief,
    vendorIds: findVendorIds,
    vendorIdWords,
    keeping,
    parseCall,
    replaceState,
    renderAnswer,
    repeats: true,
    renderEvent,
    renderEnding,
    openCallSocket: (settings) => openCallSocket(chat.client, settings),
    renderFaultEvent(fault, exchangeId) {
      const { body } = chat.client.renderFault(fault, exchangeId);
      const { error } = JSON.parse(body) as { readonly error: JsonObject };
      const { code, message, param } = error;
      // Clients differ in whether they look for these beside the type, as documented, or below `error`, as sent.
      const event = { type: 'error', sequence_number: 0, code, message, param, error };
      return `event: error\ndata: ${JSON.stringify(event)}\n\n`;
    },
  },
  provider: {
    ...chat.provider,
    path: () => '/responses',
    passesHeaders: [
      ...chat.provider.passesHeaders,
      'originator',
      'session-id',
      'session_id',
      'thread-id',
      'x-client-request-id',
      'x-codex-',
    ],
    relayEdits,
    capOutput: (_body, maxTokens) => ({
      edits: new Map([['max_output_tokens', JSON.stringify(Math.max(leastOutput, maxTokens))]]),
      losses: [],
    }),
    renderCall,
    parseAnswer: (body, target) => parseAnswer(body, faultsOf(chat, target)),
    eventReader: (target) => new ResponseReader(faultsOf(chat, target)),
    withoutUsage: (data) => data,
    refusesAskedUsage: () => false,
  },
});

/** What a provider refuses it refuses here as in its chat, and that is named as there (`relayLosses`). */
function relayEdits(body: JsonObject, { model, provider }: Target): Map<string, string | null> {
  const edits = new Map<string, string | null>();
  if (body['model'] !== model) edits.set('model', JSON.stringify(model));
  for (const field of provider.quirks.refusesFields ?? []) if (field in body) edits.set(field, null);
  return edits;
}

/** In streams the errors of both are the same. */
const faultsOf =
  (chat: Dialect, target: Target): FaultOf =>
  (given) => {
    const error = isObject(given) ? given : {};
    const data = JSON.stringify({ error });
    const [event] = chat.provider.eventReader(target).read({ name: '', data });
    return event?.type === 'fault'
      ? event.fault
      : new Fault('upstream/closed', 'The upstream ended its answer with an error.');
  };
