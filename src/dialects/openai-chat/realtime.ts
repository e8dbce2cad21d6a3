import type { JsonObject } from '#core/call.ts';
import type { SessionEvent, SessionSide } from '#core/contracts/session-side.ts';
import { Fault } from '#core/fault.ts';
import { wordsPattern } from '#core/hidden-keys.ts';
import { queryValues } from '#core/query.ts';
import { isObject } from '#core/read-json.ts';
import { renderError } from './faults.ts';
import { parseSessionUsage, parseTranscriptionUsage } from './realtime-usage.ts';

const transcribed = 'conversation.item.input_audio_transcription.completed';

/** https://platform.openai.com/docs/api-reference/realtime-server-events */
export const realtime: SessionSide = {
  model(query) {
    const text = query.replace(/^\?/, '');
    // The older form of deployments names the model otherwise.
    const named = [...queryValues(text, 'model'), ...queryValues(text, 'deployment')];
    if (named.length === 1 && named[0] !== '') return named[0]!;
    const message =
      'A session is opened with one parameter "model". Attaching to a call (call_id) and sessions for ' +
      'transcription alone (intent) are not offered.';
    throw new Fault('request/invalid-field', message, { field: 'model' });
  },
  body: (model) => ({ model, messages: [] }),
  path: ({ model }) => `/realtime?model=${encodeURIComponent(model)}`,
  passesProtocol: (name) => name === 'realtime' || name.startsWith('openai-beta.'),
  words: ['response.created', 'response.done', 'session.created', 'session.updated', transcribed].map(
    (type) => `"${type}"`,
  ),
  read: readEvent,
  vendorId,
  vendorIdWords: wordsPattern(['"prompt"', '"file_id"']),
  renderFault(fault, exchangeId) {
    const { message, type, code, param } = renderError(fault, exchangeId);
    const error = { type, code, message, param: param ?? null, event_id: null };
    return JSON.stringify({ type: 'error', event_id: `event_${exchangeId.toLowerCase()}`, error });
  },
};

/** A stored prompt, of the session or of one response; a file among what is said. */
function vendorId(message: string): string | null {
  let event: unknown;
  try {
    event = JSON.parse(message);
  } catch {
    return null;
  }
  if (!isObject(event)) return null;
  for (const place of ['session', 'response']) {
    const settings = event[place];
    if (isObject(settings) && settings['prompt'] !== undefined && settings['prompt'] !== null)
      return `${place}.prompt`;
  }
  const { item, response } = event;
  const said: unknown[] = [
    item,
    ...(isObject(response) && Array.isArray(response['input']) ? response['input'] : []),
  ];
  const parts = said.flatMap((one) => (isObject(one) && Array.isArray(one['content']) ? one['content'] : []));
  return parts.some((part) => isObject(part) && part['file_id'] !== undefined)
    ? 'item.content[].file_id'
    : null;
}

function readEvent(message: string): SessionEvent | null {
  let event: unknown;
  try {
    event = JSON.parse(message);
  } catch {
    return null;
  }
  if (!isObject(event)) return null;
  if (event['type'] === transcribed) {
    const usage = isObject(event['usage']) ? parseTranscriptionUsage(event['usage']) : null;
    return usage && { type: 'used', usage };
  }
  if (event['type'] === 'session.created' || event['type'] === 'session.updated')
    return { type: 'helper', model: transcriberOf(event['session']) };
  const { response } = event as { response?: JsonObject };
  if (!isObject(response) || typeof response['id'] !== 'string') return null;
  const { id } = response as { id: string };
  if (event['type'] === 'response.created') return { type: 'began', id };
  if (event['type'] !== 'response.done') return null;
  const { usage } = response;
  return { type: 'ended', id, usage: isObject(usage) ? parseSessionUsage(usage) : null };
}

/** At `audio.input.transcription`, or where it stood before sessions had other inputs. */
function transcriberOf(session: unknown): string | null {
  if (!isObject(session)) return null;
  const audio = isObject(session['audio']) ? session['audio'] : {};
  const input = isObject(audio['input']) ? audio['input'] : {};
  const settings = input['transcription'] ?? session['input_audio_transcription'];
  return isObject(settings) && typeof settings['model'] === 'string' ? settings['model'] : null;
}
