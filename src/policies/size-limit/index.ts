import type { Policy, PolicyKind } from '#core/contracts/policy.ts';
import { Fault } from '#core/fault.ts';
import { parseSize } from '#core/units.ts';
import type { SizeLimitSettings } from './schema.ts';

/** Bounds bodies: those that say their size at once, the others while they flow. */
export const sizeLimit: PolicyKind<SizeLimitSettings> = {
  name: 'size-limit',
  create: (settings) => createSizeLimit(settings),
};

function createSizeLimit({ request, response }: SizeLimitSettings): Policy {
  const requestBytes = request === undefined ? Infinity : parseSize(request);
  const answerBytes = response === undefined ? Infinity : parseSize(response);
  const told = [
    ...(request === undefined ? [] : [`requests of at most ${requestBytes} bytes`]),
    ...(response === undefined ? [] : [`answers of at most ${answerBytes} bytes`]),
  ];
  return {
    name: 'size-limit',
    summary: told.join(', '),
    onHead(exchange) {
      const { contentLength } = exchange.head;
      if (contentLength !== null && contentLength > requestBytes)
        throw new Fault(
          'request/body-too-large',
          `The body has ${contentLength} bytes; at most ${requestBytes} are taken here.`,
        );
      // Of several bounds the least holds.
      if (requestBytes < (exchange.maxBodyBytes ?? Infinity)) exchange.maxBodyBytes = requestBytes;
      if (answerBytes < (exchange.maxAnswerBytes ?? Infinity)) exchange.maxAnswerBytes = answerBytes;
    },
  };
}
