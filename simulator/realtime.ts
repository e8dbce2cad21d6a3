import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SimulatedCall } from './call-log.ts';
import { acceptSocket, type TextSocket } from './frames.ts';

interface Item {
  readonly role?: string;
  readonly content?: readonly { readonly type?: string; readonly text?: string }[];
}
interface ClientEvent {
  readonly type: string;
  readonly session?: Record<string, unknown>;
  readonly item?: Item;
  readonly audio?: string;
}
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly call: SimulatedCall;
}

const words = (text: string) => text.split(/\s+/).filter((word) => word !== '').length;

/**
 * A realtime session in text, which counts as audio what came as such. The last text of the user scripts an answer:
 * `say:TEXT` is what is said, `drop` loses the connection right after the answer, `hang` after its beginning, and `refuse`
 * is answered with an error event.
 */
export function answerRealtime({ request, socket, head, call }: Upgrade): void {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const model = url.searchParams.get('model');
  const refusal = request.headers.authorization ? (model ? 0 : 400) : 401;
  call.status = refusal || 101;
  call.model = model;
  if (refusal) {
    call.finished = 'refused';
    const error = { message: 'no such session', type: 'invalid_request_error', code: null, param: null };
    const body = JSON.stringify({ error });
    socket.end(
      `HTTP/1.1 ${refusal} Refused\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
        `Connection: close\r\n\r\n${body}`,
    );
    return;
  }
  socket.once('close', () => {
    call.finished = 'complete';
    call.endedAtMs = Date.now();
  });
  const text = acceptSocket(request, { socket, head, protocols: ['realtime'] });
  const session = new Session(text, model!, call);
  text.onText = (message) => session.take(JSON.parse(message) as ClientEvent);
}

class Session {
  readonly #socket: TextSocket;
  readonly #call: SimulatedCall;
  readonly #session: Record<string, unknown>;
  #number = 0;
  #said = '';
  #textTokens = 0;
  #audioTokens = 0;
  /** Of the input, what the responses before have read. */
  #cachedText = 0;

  constructor(socket: TextSocket, model: string, call: SimulatedCall) {
    this.#socket = socket;
    this.#call = call;
    this.#session = { type: 'realtime', object: 'realtime.session', id: `sess_sim_${call.number}`, model };
    this.#send('session.created', { session: this.#session });
  }

  take(event: ClientEvent): void {
    switch (event.type) {
      case 'session.update':
        Object.assign(this.#session, event.session);
        return this.#send('session.updated', { session: this.#session });
      case 'conversation.item.create': {
        const said = (event.item?.content ?? []).map(({ text }) => text ?? '').join(' ');
        this.#said = said;
        this.#textTokens += words(said);
        return this.#send('conversation.item.added', { previous_item_id: null, item: event.item });
      }
      case 'input_audio_buffer.append':
        this.#audioTokens += Math.ceil((event.audio ?? '').length / 100);
        return;
      case 'input_audio_buffer.commit':
        return this.#transcribe();
      case 'response.create':
        return this.#respond();
      default:
        return this.#send('error', {
          error: { type: 'invalid_request_error', code: 'unknown_event', message: event.type, param: null },
        });
    }
  }

  #transcribe(): void {
    const itemId = `item_sim_${++this.#number}`;
    this.#send('input_audio_buffer.committed', { previous_item_id: null, item_id: itemId });
    this.#send('conversation.item.input_audio_transcription.completed', {
      item_id: itemId,
      content_index: 0,
      transcript: 'what was said',
      usage: {
        type: 'tokens',
        total_tokens: this.#audioTokens + 3,
        input_tokens: this.#audioTokens,
        input_token_details: { text_tokens: 0, audio_tokens: this.#audioTokens },
        output_tokens: 3,
      },
    });
  }

  #respond(): void {
    const id = `resp_sim_${this.#call.number}_${++this.#number}`;
    const response = { object: 'realtime.response', id, output: [] as unknown[], status: 'in_progress' };
    this.#send('response.created', { response });
    if (this.#said === 'hang') return;
    const text = this.#said.startsWith('say:') ? this.#said.slice(4) : 'Hello from the session.';
    const item = {
      id: `item_sim_${++this.#number}`,
      object: 'realtime.item',
      type: 'message',
      status: 'completed',
      role: 'assistant',
      content: [{ type: 'output_text', text }],
    };
    const place = { response_id: id, item_id: item.id, output_index: 0, content_index: 0 };
    for (const word of text.split(/(?<=\s)/))
      this.#send('response.output_text.delta', { ...place, delta: word });
    this.#send('response.output_text.done', { ...place, text });
    const usage = this.#usage(words(text));
    this.#call.usage = usage;
    this.#send('response.done', { response: { ...response, status: 'completed', output: [item], usage } });
    if (this.#said === 'drop' || text.endsWith(' drop')) this.#socket.drop();
  }

  #usage(output: number): Record<string, unknown> {
    const input = this.#textTokens + this.#audioTokens;
    const cached = this.#cachedText;
    this.#cachedText = this.#textTokens;
    const audio = Math.floor(output / 2);
    return {
      total_tokens: input + output,
      input_tokens: input,
      output_tokens: output,
      input_token_details: {
        text_tokens: this.#textTokens,
        audio_tokens: this.#audioTokens,
        image_tokens: 0,
        cached_tokens: cached,
        cached_tokens_details: { text_tokens: cached, audio_tokens: 0, image_tokens: 0 },
      },
      output_token_details: { text_tokens: output - audio, audio_tokens: audio },
    };
  }

  #send(type: string, fields: object): void {
    this.#socket.send({ type, event_id: `event_sim_${++this.#number}`, ...fields });
  }
}
