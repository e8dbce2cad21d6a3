import type { JsonObject } from '#core/call.ts';
import type { CallSocket, CallSocketSettings, SocketCall, SocketTurn } from '#core/contracts/call-socket.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import { Fault } from '#core/fault.ts';
import type { HeaderList } from '#core/head.ts';
import { isObject, optional, readBoolean, readString } from '#core/read-json.ts';
import { KeptResponses } from './kept-responses.ts';

/** Of an event's data: what tells an answer that later calls may go on from. */
const completions = ['"response.completed"', '"response.incomplete"'];

/**
 * The WebSocket mode of responses: `response.create` asks for what is posted elsewhere, and the events of the answer's stream
 * are messages. A call may go on from an answer of the same WebSocket (`previous_response_id`), whoever gave it.
 * https://developers.openai.com/api/docs/guides/websocket-mode
 */
export function openCallSocket(client: Pick<Dialect['client'], 'renderFault'>, settings: CallSocketSettings) {
  const kept = new KeptResponses(settings.limitBytes);
  return {
    read(message) {
      const type = readString(message['type'], 'type');
      if (type !== 'response.create') {
        const text = `"${type.slice(0, 60)}" is not offered over this WebSocket: send "response.create".`;
        throw new Fault('dialect/unsupported', text, { field: 'type', status: 400 });
      }
      const lane = optional(message['stream_id'], 'stream_id', readString);
      if (message['background'] === true)
        throw new Fault('dialect/unsupported', 'background is not offered over a WebSocket.', {
          field: 'background',
          status: 400,
        });
      return new ResponseCall(message, lane, kept, settings);
    },
    renderFault(fault, exchangeId, message) {
      const { headers, body } = client.renderFault(fault, exchangeId);
      const lane = typeof message?.['stream_id'] === 'string' ? message['stream_id'] : null;
      return renderError(fault.status, [...headers, ...(fault.details.headers ?? [])], { body, lane });
    },
  } satisfies CallSocket;
}

class ResponseCall implements SocketCall {
  readonly lane: string;
  readonly #message: JsonObject;
  readonly #laneName: string | null;
  readonly #kept: KeptResponses;
  readonly #settings: CallSocketSettings;
  /** The whole input, once the call's turn has come. */
  #input: readonly unknown[] = [];

  constructor(message: JsonObject, lane: string | null, kept: KeptResponses, settings: CallSocketSettings) {
    this.lane = lane ?? '';
    this.#message = message;
    this.#laneName = lane;
    this.#kept = kept;
    this.#settings = settings;
  }

  turn(): SocketTurn {
    const { type: _, stream_id: __, generate: given, background: ___, ...rest } = this.#message;
    const generate = optional(given, 'generate', readBoolean) ?? true;
    const body: Record<string, unknown> = { ...rest, stream: true };
    const previous = body['previous_response_id'];
    const before = typeof previous === 'string' ? this.#kept.find(previous) : null;
    this.#input = [...(before ?? []), ...itemsOf(body['input'])];
    if (before) {
      delete body['previous_response_id'];
      body['input'] = this.#input;
    }
    if (generate) return { body };
    if (previous !== undefined && previous !== null && !before)
      throw new Fault('access/resource', 'previous_response_id is no answer of this WebSocket.', {
        field: 'previous_response_id',
      });
    return { messages: this.#prepare(body) };
  }

  renderEvent(data: string): string | null {
    if (!data.startsWith('{')) return null;
    if (completions.some((word) => data.includes(word))) this.#remember(data);
    if (this.#laneName === null) return data;
    return `{"stream_id":${JSON.stringify(this.#laneName)},${data.slice(1).trimStart()}`;
  }

  renderWhole(status: number, headers: HeaderList, body: string): string {
    return renderError(status, headers, { body, lane: this.#laneName });
  }

  #remember(data: string): void {
    const event: unknown = JSON.parse(data);
    const response = isObject(event) ? event['response'] : null;
    if (!isObject(response) || typeof response['id'] !== 'string') return;
    const output = Array.isArray(response['output']) ? (response['output'] as unknown[]) : [];
    this.#kept.add(response['id'], this.#input, output);
  }

  /** `generate: false` prepares what a later call goes on from, without an answer: there is nobody to be asked yet. */
  #prepare(body: JsonObject): string[] {
    const { input: _, stream: __, ...rest } = body;
    const id = `resp_${this.#settings.newId()}`;
    this.#kept.add(id, this.#input, []);
    const none = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };
    const usage = {
      ...none,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    };
    const response = {
      ...rest,
      id,
      object: 'response',
      created_at: this.#settings.nowS(),
      error: null,
      incomplete_details: null,
      output: [],
    };
    const lane = this.#laneName === null ? {} : { stream_id: this.#laneName };
    return [
      {
        ...lane,
        type: 'response.created',
        sequence_number: 0,
        response: { ...response, status: 'in_progress' },
      },
      {
        ...lane,
        type: 'response.completed',
        sequence_number: 1,
        response: { ...response, status: 'completed', usage },
      },
    ].map((event) => JSON.stringify(event));
  }
}

/** A text stands for a message of the user. */
function itemsOf(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input;
  return typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : [];
}

/** With the status and the headers that a posted call would have been answered with. */
function renderError(
  status: number,
  headers: HeaderList,
  { body, lane }: { readonly body: string; readonly lane: string | null },
): string {
  const given: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i] !== 'content-type') given[headers[i]!] = headers[i + 1]!;
  const error = { ...errorOf(body), headers: given };
  // Clients look for this one to begin the conversation anew.
  if (error.param === 'previous_response_id') error.code = 'previous_response_not_found';
  return JSON.stringify({ type: 'error', ...(lane === null ? {} : { stream_id: lane }), status, error });
}

function errorOf(body: string) {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(body);
  } catch {
    // An upstream's own page, say.
  }
  const error = isObject(parsed) && isObject(parsed['error']) ? parsed['error'] : {};
  return {
    type: 'server_error' as unknown,
    code: null as unknown,
    message: 'The call was refused.' as unknown,
    param: null as unknown,
    ...error,
  };
}
