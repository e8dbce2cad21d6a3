import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import * as grpc from '../clients/node_modules/@grpc/grpc-js/build/src/index.js';
import { startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';

const limits = { timeout: 30_000 };
const asIs = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: asIs.serialize,
  requestDeserialize: asIs.deserialize,
  responseSerialize: asIs.serialize,
  responseDeserialize: asIs.deserialize,
});
const service = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
};

interface EchoClient extends grpc.Client {
  unary(
    message: Buffer,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: (error: grpc.ServiceError | null, answer?: Buffer) => void,
  ): grpc.ClientUnaryCall;
  collect(
    metadata: grpc.Metadata,
    done: (error: grpc.ServiceError | null, answer?: Buffer) => void,
  ): grpc.ClientWritableStream<Buffer>;
  count(message: Buffer, metadata: grpc.Metadata): grpc.ClientReadableStream<Buffer>;
  chat(metadata: grpc.Metadata): grpc.ClientDuplexStream<Buffer, Buffer>;
}

/** What the server saw of the last call that was cancelled, and how many are under way. */
let cancelled = 0;
let running = 0;

const handlers = {
  unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    const wish = call.request.toString().slice(0, 100);
    if (wish === 'wait') {
      running++;
      call.on('cancelled', () => {
        cancelled++;
        running--;
      });
      return;
    }
    const trailer = new grpc.Metadata();
    trailer.set('x-after', 'trailer');
    if (wish.startsWith('fail ')) {
      done({ code: Number(wish.slice(5)), details: 'as you wish: é', metadata: trailer });
      return;
    }
    const first = new grpc.Metadata();
    first.set('x-seen', String(call.metadata.get('x-sent')[0] ?? ''));
    first.set('x-raw-bin', Buffer.from([0, 255, 1]));
    call.sendMetadata(first);
    done(null, call.request, trailer);
  },
  collect(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    let bytes = 0;
    call.on('data', (message: Buffer) => (bytes += message.length));
    call.on('end', () => done(null, Buffer.from(String(bytes))));
  },
  count(call: grpc.ServerWritableStream<Buffer, Buffer>) {
    const [times, size] = call.request.toString().split(' ').map(Number);
    if (size! < 0) {
      call.write(Buffer.from('one'), () => {
        server.forceShutdown();
      });
      return;
    }
    let i = 0;
    const more = () => {
      while (i < times!)
        if (!call.write(Buffer.alloc(size!, 65 + (i++ % 26)))) return void call.once('drain', more);
      call.end();
    };
    more();
  },
  chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
    call.on('data', (message: Buffer) => call.write(message));
    call.on('end', () => call.end());
  },
};

let server: grpc.Server;
let port: number;
let gateway: TestGateway;
let client: EchoClient;

async function serve(at: number): Promise<[grpc.Server, number]> {
  const made = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  made.addService(service, handlers as unknown as grpc.UntypedServiceImplementation);
  const bound = await new Promise<number>((resolve, reject) =>
    made.bindAsync(`127.0.0.1:${at}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return [made, bound];
}

before(async () => {
  [server, port] = await serve(0);
  gateway = await startTestGateway({
    config: {
      upstreams: {
        echo: { targets: [`http://127.0.0.1:${port}`], http2: 'prior-knowledge' },
        nobody: { targets: ['http://127.0.0.1:1'], http2: 'prior-knowledge' },
      },
      routes: [
        { name: 'dead', match: { path: '/test.Echo/Dead' }, to: { upstream: 'nobody' } },
        { name: 'grpc', match: { path: '/test.Echo/**' }, to: { upstream: 'echo' } },
      ],
      limits: { body: '64MiB' },
    },
  });
  const Client = grpc.makeGenericClientConstructor(service, 'Echo');
  client = new Client(`127.0.0.1:${gateway.port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
  }) as unknown as EchoClient;
});
after(async () => {
  client.close();
  server.forceShutdown();
  await gateway.stop();
});

function metadata(more: Record<string, string> = {}): grpc.Metadata {
  const made = new grpc.Metadata();
  made.set('authorization', `Bearer ${testKey}`);
  for (const [name, value] of Object.entries(more)) made.set(name, value);
  return made;
}

function unary(message: Buffer | string, options: grpc.CallOptions = {}, sent = metadata()) {
  let call!: grpc.ClientUnaryCall;
  const done = new Promise<{ answer: Buffer; first: grpc.Metadata; status: grpc.StatusObject }>(
    (resolve, reject) => {
      let first!: grpc.Metadata;
      let answer: Buffer;
      call = client.unary(Buffer.from(message), sent, options, (error, came) =>
        error ? reject(error) : (answer = came!),
      );
      call.on('metadata', (came) => (first = came));
      call.on('status', (status) => void (status.code === 0 && resolve({ answer, first, status })));
    },
  );
  return { call, done };
}

const codeOf = (error: unknown) => (error as grpc.ServiceError).code;

describe('gRPC through the gateway', limits, () => {
  test('a unary call: message, metadata both ways, binary ones too, and trailers', async () => {
    const { answer, first, status } = await unary('hello', {}, metadata({ 'x-sent': 'yes' })).done;
    assert.equal(answer.toString(), 'hello');
    assert.deepEqual(first.get('x-seen'), ['yes']);
    assert.deepEqual(first.get('x-raw-bin'), [Buffer.from([0, 255, 1])]);
    assert.deepEqual(status.metadata.get('x-after'), ['trailer']);
  });

  test('errors come with their code, their text and their trailers', async () => {
    for (const code of [grpc.status.NOT_FOUND, grpc.status.RESOURCE_EXHAUSTED, grpc.status.UNKNOWN]) {
      await assert.rejects(unary(`fail ${code}`).done, (error: grpc.ServiceError) => {
        assert.equal(error.code, code);
        assert.equal(error.details, 'as you wish: é');
        assert.deepEqual(error.metadata.get('x-after'), ['trailer']);
        return true;
      });
    }
  });

  test('large messages both ways', async () => {
    const message = Buffer.alloc(5 * 1024 * 1024, 'm');
    const { answer } = await unary(message).done;
    assert.ok(answer.equals(message));
  });

  test('streams of the client, of the server, and of both', async () => {
    const collected = new Promise<string>((resolve, reject) => {
      const call = client.collect(metadata(), (error, answer) =>
        error ? reject(error) : resolve(answer!.toString()),
      );
      for (let i = 0; i < 50; i++) call.write(Buffer.alloc(1000));
      call.end();
    });
    assert.equal(await collected, '50000');

    let bytes = 0;
    for await (const message of client.count(Buffer.from('200 10000'), metadata()))
      bytes += (message as Buffer).length;
    assert.equal(bytes, 2_000_000);

    const chat = client.chat(metadata());
    for (const word of ['one', 'two', 'three']) {
      chat.write(Buffer.from(word));
      const [echo] = (await once(chat, 'data')) as [Buffer];
      assert.equal(echo.toString(), word);
    }
    chat.end();
    const [status] = (await once(chat, 'status')) as [grpc.StatusObject];
    assert.equal(status.code, 0);
  });

  test('a deadline reaches the server, and ends the call at both', async () => {
    const before = cancelled;
    const { done } = unary('wait', { deadline: Date.now() + 300 });
    await assert.rejects(done, (error) => codeOf(error) === grpc.status.DEADLINE_EXCEEDED);
    while (cancelled === before) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test('a call that is cancelled ends at the server', async () => {
    const before = cancelled;
    const { call, done } = unary('wait');
    while (running === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    call.cancel();
    await assert.rejects(done, (error) => codeOf(error) === grpc.status.CANCELLED);
    while (cancelled === before) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(running, 0);
  });

  test('200 calls at once over the connections there are', async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => unary(`call ${i}`).done));
    answers.forEach(({ answer }, i) => assert.equal(answer.toString(), `call ${i}`));
  });

  test('who has no key is UNAUTHENTICATED; a server that is not there is UNAVAILABLE', async () => {
    const stranger = unary('hello', {}, new grpc.Metadata()).done;
    await assert.rejects(stranger, (error) => codeOf(error) === grpc.status.UNAUTHENTICATED);
    const dead = new Promise((_, reject) =>
      client.makeUnaryRequest(
        '/test.Echo/Dead',
        asIs.serialize,
        asIs.deserialize,
        Buffer.from('x'),
        metadata(),
        reject,
      ),
    );
    await assert.rejects(dead, (error) => codeOf(error) === grpc.status.UNAVAILABLE);
  });

  test('a server that dies within its answer: what came is there, the status is not OK; the next one serves', async () => {
    const call = client.count(Buffer.from('1 -1'), metadata());
    const came: string[] = [];
    call.on('data', (message: Buffer) => came.push(message.toString()));
    const [error] = (await once(call, 'error')) as [grpc.ServiceError];
    assert.notEqual(error.code, grpc.status.OK);
    assert.deepEqual(came, ['one']);
    await assert.rejects(unary('hello').done, (failed) => codeOf(failed) === grpc.status.UNAVAILABLE);
    [server] = await serve(port);
    assert.equal((await unary('again').done).answer.toString(), 'again');
  });
});
