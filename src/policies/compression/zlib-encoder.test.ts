import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as zlib from 'node:zlib';
import type { EncoderSink } from '#core/contracts/answer-encoder.ts';
import { ZlibEncoder, type Level } from './zlib-encoder.ts';

const decoders = {
  gzip: (bytes: Buffer) => zlib.gunzipSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }),
  br: (bytes: Buffer) =>
    zlib.brotliDecompressSync(bytes, { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH }),
  // No window above 8 MiB may be asked of a reader (RFC 9659).
  zstd: (bytes: Buffer) =>
    zlib.zstdDecompressSync(bytes, {
      finishFlush: zlib.constants.ZSTD_e_flush,
      params: { [zlib.constants.ZSTD_d_windowLogMax]: 23 },
    }),
};

class Taker implements EncoderSink {
  readonly chunks: Buffer[] = [];
  drains = 0;
  ended = false;
  #wake: (() => void) | null = null;
  onData(chunk: Buffer): void {
    assert.equal(this.ended, false);
    this.chunks.push(chunk);
    this.#wake?.();
  }
  onDrain(): void {
    this.drains++;
    this.#wake?.();
  }
  onEnd(): void {
    this.ended = true;
    this.#wake?.();
  }
  onError(error: Error): void {
    throw error;
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

for (const encoding of ['gzip', 'br', 'zstd'] as const) {
  describe(encoding, () => {
    test('what is written is what comes out, at every level, though the chunks were only lent', async () => {
      for (const level of ['fast', 'balanced', 'small'] as Level[]) {
        const taker = new Taker();
        const encoder = new ZlibEncoder(encoding, level, taker);
        let plain = '';
        const lent = Buffer.alloc(20_000);
        for (let i = 0; i < 50; i++) {
          lent.fill(`${level} ${i} `);
          plain += lent.toString();
          encoder.write(lent);
          lent.fill('x');
        }
        encoder.end();
        await taker.until(() => taker.ended);
        assert.equal(decoders[encoding](taker.bytes).toString(), plain);
        assert.ok(taker.bytes.length < plain.length / 10);
      }
    });

    test('a flush lets out all that was written', async () => {
      const taker = new Taker();
      const encoder = new ZlibEncoder(encoding, 'balanced', taker);
      let plain = '';
      for (const text of ['one', 'two']) {
        plain += text;
        encoder.write(Buffer.from(text));
        encoder.flush();
        await taker.until(
          () => taker.chunks.length > 0 && decoders[encoding](taker.bytes).toString() === plain,
        );
      }
      encoder.destroy();
    });

    test('paused, it takes only so much; resumed, it says that it takes more', async () => {
      const taker = new Taker();
      const encoder = new ZlibEncoder(encoding, 'fast', taker);
      encoder.pause();
      const { randomBytes } = await import('node:crypto');
      let taken = 0;
      while (encoder.write(randomBytes(16_384)))
        assert.ok((taken += 16_384) < 10_000_000, 'it takes on and on');
      assert.equal(taker.chunks.length, 0);
      encoder.resume();
      await taker.until(() => taker.drains > 0);
      encoder.destroy();
    });

    test('destroyed while it works, it gives its memory back and says nothing more', async () => {
      const taker = new Taker();
      const encoder = new ZlibEncoder(encoding, 'small', taker);
      for (let i = 0; i < 100; i++) encoder.write(Buffer.alloc(50_000, String(i)));
      encoder.destroy();
      const given = taker.chunks.length;
      encoder.write(Buffer.from('more'));
      encoder.flush();
      encoder.end();
      encoder.destroy();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual([taker.chunks.length, taker.ended], [given, false]);
    });
  });
}
