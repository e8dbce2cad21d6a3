import assert from 'node:assert/strict';
import { createServer, type IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

const protobuf = createRequire(new URL('../clients/package.json', import.meta.url))('protobufjs') as {
  loadSync(path: string): { lookupType(name: string): MessageType };
};

interface MessageType {
  decode(bytes: Uint8Array): unknown;
  encode(message: object): { finish(): Uint8Array };
  create(json: object): object;
  verify(json: object): string | null;
  toObject(message: unknown, options: object): Received;
}

export type Received = Record<string, any>;

/** Written down from OTLP's own definitions; shares nothing with src/. */
const definitions = protobuf.loadSync(new URL('../fixtures/otlp.proto', import.meta.url).pathname);
const typeOf = (name: string) => definitions.lookupType(`otlp.${name}`);
const requests: Readonly<Record<string, string>> = {
  '/v1/traces': 'ExportTraceServiceRequest',
  '/v1/metrics': 'ExportMetricsServiceRequest',
  '/v1/logs': 'ExportLogsServiceRequest',
};

export interface OtlpRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly encoding: 'json' | 'protobuf';
  /** In the JSON form, ids as hex digits, whichever encoding it came in. */
  readonly message: Received;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly requests: readonly OtlpRequest[];
  /** How it answers from now on; `partly` takes all but two of each. */
  mode: 'take' | 'refuse' | 'busy' | 'hang' | 'partly';
  spans(): Received[];
  logRecords(): Received[];
  metrics(): Received[];
  close(): Promise<void>;
}

/** A receiver of OTLP over HTTP that takes only what fits the definitions, in both encodings. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const seen: OtlpRequest[] = [];
  const failures: unknown[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      if (receiver.mode === 'hang') return;
      if (receiver.mode === 'busy') return void response.writeHead(503, { 'retry-after': '0' }).end();
      if (receiver.mode === 'refuse') return void response.writeHead(400).end();
      try {
        const read = readRequest(request, Buffer.concat(pieces));
        seen.push(read);
        const partialSuccess =
          receiver.mode === 'partly' ? { rejected: '2', errorMessage: 'two of them' } : undefined;
        const type = typeOf('ExportServiceResponse');
        const isJson = read.encoding === 'json';
        const named = partialSuccess && { rejectedSpans: '2', errorMessage: 'two of them' };
        response
          .writeHead(200, { 'content-type': isJson ? 'application/json' : 'application/x-protobuf' })
          .end(
            isJson
              ? JSON.stringify(named ? { partialSuccess: named } : {})
              : type
                  .encode(
                    type.create(partialSuccess ? { partialSuccess: { ...partialSuccess, rejected: 2 } } : {}),
                  )
                  .finish(),
          );
      } catch (error) {
        failures.push(error);
        response.writeHead(400).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const all = (path: string, outer: string, inner: string, each: string) =>
    seen
      .filter((request) => request.path === path)
      .flatMap(({ message }) => message[outer] as Received[])
      .flatMap((one) => one[inner] as Received[])
      .flatMap((one) => (one[each] ?? []) as Received[]);
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: seen,
    mode: 'take',
    spans: () => all('/v1/traces', 'resourceSpans', 'scopeSpans', 'spans'),
    logRecords: () => all('/v1/logs', 'resourceLogs', 'scopeLogs', 'logRecords'),
    metrics: () => all('/v1/metrics', 'resourceMetrics', 'scopeMetrics', 'metrics'),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      assert.deepEqual(failures, []);
    },
  };
  return receiver;
}

function readRequest({ url = '', headers }: IncomingMessage, bytes: Buffer): OtlpRequest {
  const name = requests[url];
  assert.ok(name, `${url} is no path of OTLP`);
  const body = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
  if (headers['content-type'] === 'application/json') {
    const message = JSON.parse(body.toString()) as Received;
    assert.deepEqual(checked(message, name), withoutEmpty(message));
    return { path: url, headers, encoding: 'json', message };
  }
  assert.equal(headers['content-type'], 'application/x-protobuf');
  const type = typeOf(name);
  const decoded = type.decode(body);
  // Nothing was sent that the definitions have no name for.
  assert.equal(type.encode(decoded as object).finish().length, body.length);
  const plain = type.toObject(decoded, { longs: String, enums: Number, bytes: Array, defaults: false });
  return { path: url, headers, encoding: 'protobuf', message: idsInHex(plain) as Received };
}

/** The JSON form as it is when it has gone through the definitions: members without a name are lost on the way, and seen to be missing. */
function checked(message: Received, name: string): Received {
  const type = typeOf(name);
  const bytes = JSON.parse(JSON.stringify(message), (key, value: unknown) => {
    if (!isId(key)) return value;
    assert.match(value as string, key === 'traceId' ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{16}$/);
    return Buffer.from(value as string, 'hex').toString('base64');
  }) as Received;
  const from = (type as unknown as { fromObject(json: object): object }).fromObject(bytes);
  assert.equal(type.verify(from), null);
  return idsInHex(
    type.toObject(from, { longs: String, enums: Number, bytes: Array, defaults: false }),
  ) as Received;
}

/** In protocol buffers an empty list is none. */
const withoutEmpty = (message: Received): Received =>
  JSON.parse(
    JSON.stringify(message, (_, value: unknown) =>
      Array.isArray(value) && value.length === 0 ? undefined : value,
    ),
  ) as Received;

const isId = (key: string): boolean => key === 'traceId' || key === 'spanId' || key === 'parentSpanId';

function idsInHex(value: unknown, key = ''): unknown {
  if (isId(key)) return Buffer.from(value as number[]).toString('hex');
  if (Array.isArray(value)) return value.map((each) => idsInHex(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, idsInHex(member, name)]));
}

/** Attributes of a span, a point or a resource, as a plain object. */
export function attributesOf({ attributes = [] }: Received): Record<string, unknown> {
  return Object.fromEntries(
    (attributes as Received[]).map(({ key, value }) => {
      const [[kind, inner] = []] = Object.entries(value as Received);
      if (kind === 'intValue') return [key, Number(inner)];
      if (kind === 'arrayValue')
        return [key, ((inner as Received)['values'] as Received[]).map((each) => each['stringValue'])];
      return [key, inner];
    }),
  );
}
