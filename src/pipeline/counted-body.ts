import type { BodySource } from '#core/contracts/upstream.ts';
import type { Exchange } from '#core/exchange.ts';
import { Fault } from '#core/fault.ts';

/** The body as it flows, counted, and ended with a fault when it grows larger than allowed. */
export function countedBody(body: BodySource, limitBytes: number, exchange: Exchange): BodySource {
  return {
    lengthBytes: body.lengthBytes,
    pause: () => body.pause(),
    resume: () => body.resume(),
    open(sink) {
      let bytes = 0;
      let over = false;
      body.open({
        onData(chunk) {
          if (over) return;
          bytes += chunk.length;
          exchange.requestBytes = bytes;
          if (bytes <= limitBytes) return sink.onData(chunk);
          over = true;
          const message = `The body is larger than the ${limitBytes} bytes this route allows.`;
          sink.onFault(new Fault('request/body-too-large', message));
        },
        onEnd: () => {
          if (!over) sink.onEnd();
        },
        onFault: (fault) => {
          if (!over) sink.onFault(fault);
        },
      });
    },
  };
}
