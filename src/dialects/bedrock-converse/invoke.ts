import type { Dialect } from '#core/contracts/dialect.ts';
import type { Framing } from '#core/contracts/framing.ts';
import { Fault } from '#core/fault.ts';
import { headerOf } from '#core/head.ts';
import { isObject } from '#core/read-json.ts';
import type { SseEvent } from '#core/sse-event.ts';
import { serverSentEvents } from '#core/sse.ts';
import { parseFault } from './faults.ts';
import { eventStream } from './framing.ts';

/** Its exceptions in a stream, as the models' own format names such errors. */
const types: Readonly<Record<string, string>> = {
  validationException: 'invalid_request_error',
  throttlingException: 'rate_limit_error',
  serviceUnavailableException: 'overloaded_error',
  modelTimeoutException: 'timeout_error',
};

/**
 * What InvokeModelWithResponseStream sends: frames of which each holds one event in the words of the model's maker.
 * https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
 */
export const invokeStream: Framing = {
  ...eventStream,
  parse(frame) {
    const { data } = eventStream.parse(frame);
    const [[type, payload] = ['', null]] = Object.entries(JSON.parse(data) as Record<string, unknown>);
    if (type === 'chunk') {
      if (!isObject(payload) || typeof payload['bytes'] !== 'string')
        throw new Fault('upstream/malformed-answer', "A chunk of the upstream's stream has no bytes.");
      return named(Buffer.from(payload['bytes'], 'base64').toString('utf8'));
    }
    if (!/exception$|^error$/i.test(type)) return { name: '', data: '' };
    const message = isObject(payload) ? (payload['message'] ?? payload['originalMessage']) : undefined;
    const error = {
      type: types[type] ?? 'api_error',
      message: typeof message === 'string' ? message : `The upstream ended its stream with "${type}".`,
    };
    return { name: 'error', data: JSON.stringify({ type: 'error', error }) };
  },
};

/** Events are named by their types. What is none is the dialect's to refuse. */
function named(data: string): SseEvent {
  try {
    const event: unknown = JSON.parse(data);
    if (isObject(event) && typeof event['type'] === 'string') return { name: event['type'], data };
  } catch {
    // Said by whoever reads it.
  }
  return { name: '', data };
}

/** A dialect of the makers of models, whose answers may come as Bedrock's InvokeModel gives them, too. */
export const overInvoke = (dialect: Dialect): Dialect => ({
  ...dialect,
  provider: {
    ...dialect.provider,
    framings: [...(dialect.provider.framings ?? [serverSentEvents]), { ...invokeStream, wraps: true }],
    parseFault(status, headers, body) {
      if (headerOf(headers, 'x-amzn-errortype') === undefined)
        return dialect.provider.parseFault(status, headers, body);
      const { code, message, details, retryable } = parseFault(status, headers, body);
      return new Fault(code, message, { status, headers: details.headers ?? [], retryable });
    },
  },
});
