import type { EncodedAnswer } from '#core/contracts/answer-encoder.ts';

/** A whole body in its other form. @throws Error of the encoder. */
export function encodeWhole(
  open: NonNullable<EncodedAnswer['open']>,
  body: Buffer | string,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const encoder = open({
      onData: (chunk) => void chunks.push(chunk),
      onDrain() {},
      onEnd: () => resolve(Buffer.concat(chunks)),
      onError(error) {
        encoder.destroy();
        reject(error);
      },
    });
    encoder.write(typeof body === 'string' ? Buffer.from(body) : body);
    encoder.end();
  });
}
