import type { BodySource } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';

/** The whole of a request's body. @throws Fault `request/body-too-large`, or whatever its source fails with. */
export function readWhole(body: BodySource, limitBytes: number): Promise<Buffer> {
  const announced = body.lengthBytes;
  if (announced === 0) return Promise.resolve(Buffer.alloc(0));
  if (announced !== null && announced > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    body.open({
      onData(chunk) {
        length += chunk.length;
        if (length <= limitBytes) return void chunks.push(chunk);
        body.pause();
        reject(tooLarge(limitBytes));
      },
      onEnd: () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)),
      onFault: reject,
    });
  });
}

function tooLarge(limitBytes: number): Fault {
  return new Fault(
    'request/body-too-large',
    `The body is larger than the ${limitBytes} bytes this route allows.`,
  );
}
