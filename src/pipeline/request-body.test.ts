import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodySink, BodySource } from '#core/contracts/upstream.ts';
import type { Exchange } from '#core/exchange.ts';
import type { Fault } from '#core/fault.ts';
import { RequestBody } from './request-body.ts';

class Source implements BodySource {
  readonly lengthBytes = null;
  paused = false;
  sink: BodySink | null = null;
  open(sink: BodySink): void {
    assert.equal(this.sink, null, 'opened once');
    this.sink = sink;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

class Taker implements BodySink {
  text = '';
  ended = false;
  fault: Fault | null = null;
  onData(chunk: Buffer): void {
    assert.equal(this.ended, false);
    this.text += chunk.toString();
  }
  onEnd(): void {
    this.ended = true;
  }
  onFault(fault: Fault): void {
    this.fault = fault;
  }
}

const bodyOf = (keepBytes: number, limitBytes = 1000) => {
  const source = new Source();
  const exchange = { requestBytes: 0 } as Exchange;
  return { source, exchange, body: new RequestBody(source, exchange, { limitBytes, keepBytes }) };
};

test('wherever an attempt breaks off, the next one is given the whole body, once', () => {
  const pieces = ['one ', 'two ', 'three ', 'four'];
  for (let first = 0; first <= pieces.length; first++) {
    for (let meanwhile = first; meanwhile <= pieces.length; meanwhile++) {
      const { source, exchange, body } = bodyOf(100);
      const [broken, next] = [new Taker(), new Taker()];
      body.open(broken);
      const give = (from: number, to: number) => {
        for (const piece of pieces.slice(from, to)) source.sink!.onData(Buffer.from(piece));
      };
      give(0, first);
      body.detach();
      assert.equal(source.paused, true, 'nobody takes what comes');
      give(first, meanwhile);
      assert.ok(body.replayable);
      body.open(next);
      assert.equal(source.paused, false);
      give(meanwhile, pieces.length);
      source.sink!.onEnd();
      assert.deepEqual([next.text, next.ended, broken.ended], [pieces.join(''), true, false]);
      assert.equal(exchange.requestBytes, pieces.join('').length);
      const third = new Taker();
      body.open(third);
      assert.deepEqual([third.text, third.ended], [pieces.join(''), true], 'and once more at its end');
    }
  }
});

test('a body that is larger than what is kept flows on, and cannot be opened again', () => {
  const { source, body } = bodyOf(5);
  const taker = new Taker();
  assert.ok(body.replayable, 'not opened');
  body.open(taker);
  source.sink!.onData(Buffer.from('12345'));
  assert.ok(body.replayable);
  source.sink!.onData(Buffer.from('6'));
  assert.equal(body.replayable, false);
  source.sink!.onEnd();
  assert.deepEqual([taker.text, taker.ended, body.complete], ['123456', true, false]);
  assert.throws(() => body.open(new Taker()), /not kept/);
});

test('one byte more than allowed ends it with a fault, and nothing follows', () => {
  const { source, body } = bodyOf(100, 10);
  const taker = new Taker();
  body.open(taker);
  source.sink!.onData(Buffer.from('1234567890'));
  assert.equal(taker.fault, null);
  source.sink!.onData(Buffer.from('1'));
  source.sink!.onData(Buffer.from('2'));
  source.sink!.onEnd();
  assert.equal(taker.fault!.code, 'request/body-too-large');
  assert.deepEqual([taker.text, taker.ended, body.replayable], ['1234567890', false, false]);
  assert.equal(body.fault, taker.fault);
});
