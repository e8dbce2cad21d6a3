import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import {
  attributesOf,
  startOtlpReceiver,
  type OtlpReceiver,
  type Received,
} from '../harness/otlp-receiver.ts';

let receiver: OtlpReceiver;
let gateway: TestGateway;

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = 'b7ad6b7169203331';

before(async () => {
  receiver = await startOtlpReceiver();
  gateway = await startTestGateway({
    config: { log: { access: false }, telemetry: telemetry('protobuf') },
    env: {
      OTEL_SERVICE_NAME: 'edge-gateway',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bed',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_BLRP_SCHEDULE_DELAY: '50',
    },
  });
});
after(async () => {
  await gateway.stop();
  await receiver.close();
});

function telemetry(encoding: 'protobuf' | 'json', more: object = {}) {
  return {
    otlp: {
      url: receiver.url,
      encoding,
      compression: encoding === 'json' ? 'gzip' : 'none',
      queue: 64,
      ...more,
    },
    traces: { ratio: 0, slow: '1h' },
    metrics: { every: '1s' },
  };
}

const chat = (init: { trace?: string; state?: string; body?: object; model?: string } = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${testKey}`,
      'content-type': 'application/json',
      ...(init.trace ? { traceparent: init.trace } : {}),
      ...(init.state ? { tracestate: init.state } : {}),
    },
    body: JSON.stringify({
      model: init.model ?? 'gpt-x',
      stream: true,
      messages: [{ role: 'user', content: 'the secret of the house' }],
      ...init.body,
    }),
  });

async function eventually<T>(look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (const until = Date.now() + 60_000; Date.now() < until;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return assert.fail('it has not come');
}

const spansOf = (id: string) => receiver.spans().filter((span) => span['traceId'] === id);
const metric = async (name: string, labels: string): Promise<number> => {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name}{`) && each.includes(labels));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
};

test('a sampled caller gets its trace continued: server, attempt, and what the upstream was told', async () => {
  const response = await chat({ trace: `00-${traceId}-${parent}-01`, state: 'vendor=t61rcWkgMzE' });
  await response.text();
  const spans = await eventually(() => spansOf(traceId).length === 2 && spansOf(traceId));
  const server = spans.find(({ kind }) => kind === 2)!;
  const client = spans.find(({ kind }) => kind === 3)!;
  assert.equal(server['parentSpanId'], parent);
  assert.equal(server['traceState'], 'vendor=t61rcWkgMzE');
  assert.equal(client['parentSpanId'], server['spanId']);
  assert.equal(server['name'], 'POST llm');
  assert.equal(client['name'], 'chat gpt-x');
  const headers = gateway.simulator.calls().at(-1)!.requestHeaders!;
  assert.equal(headers['traceparent'], `00-${traceId}-${client['spanId']}-01`);
  assert.equal(headers['tracestate'], 'vendor=t61rcWkgMzE');

  const of = attributesOf(client);
  assert.equal(of['gen_ai.operation.name'], 'chat');
  assert.equal(of['gen_ai.provider.name'], 'o');
  assert.equal(of['gen_ai.request.model'], 'gpt-x');
  assert.equal(of['gen_ai.request.stream'], true);
  assert.deepEqual(of['gen_ai.response.finish_reasons'], ['stop']);
  assert.ok(of['gen_ai.response.id'] && of['gen_ai.response.model']);
  assert.ok((of['gen_ai.usage.input_tokens'] as number) > 0);
  assert.ok((of['gen_ai.usage.output_tokens'] as number) > 0);
  assert.ok((of['gen_ai.response.time_to_first_chunk'] as number) >= 0);
  assert.ok((of['sluice.cost.nano'] as number) > 0);
  const about = attributesOf(server);
  assert.equal(about['http.response.status_code'], 200);
  assert.equal(about['sluice.project'], 'web');
  assert.equal(about['sluice.exchange'], response.headers.get('x-sluice-exchange'));
  assert.ok(BigInt(client['startTimeUnixNano'] as string) >= BigInt(server['startTimeUnixNano'] as string));

  const { headers: sent, message } = receiver.requests.find(({ path }) => path === '/v1/traces')!;
  assert.equal(sent['x-tenant'], 'blue');
  const resource = attributesOf((message['resourceSpans'] as Received[])[0]!['resource'] as Received);
  assert.equal(resource['service.name'], 'edge-gateway');
  assert.equal(resource['deployment.environment.name'], 'test bed');
});

test('of the rest what failed is kept, whatever the caller decided; a bad parent begins a trace of its own', async () => {
  const unsampled = '1'.repeat(32);
  await (await chat({ trace: `00-${unsampled}-${parent}-00` })).text();
  await (await chat({ trace: `00-${'0'.repeat(32)}-${parent}-01`, state: 'a=b' })).text();
  const headers = gateway.simulator.calls().at(-1)!.requestHeaders!;
  assert.match(String(headers['traceparent']), /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(headers['tracestate'], undefined);
  const failing = '2'.repeat(32);
  gateway.simulator.enqueue({ status: 500 });
  await (await chat({ trace: `00-${failing}-${parent}-00` })).text();
  const spans = await eventually(() => spansOf(failing).length === 2 && spansOf(failing));
  for (const span of spans) assert.equal((span['status'] as Received)['code'], 2);
  assert.deepEqual(spansOf(unsampled), []);
  assert.ok(!JSON.stringify(receiver.requests).includes('the secret of the house'));
});

test('metrics and log records tell the same as the gateway’s own pages', async () => {
  const requests = await eventually(() =>
    receiver.metrics().findLast(({ name, sum }) => name === 'sluice_requests_total' && sum),
  );
  const { dataPoints, isMonotonic, aggregationTemporality } = requests['sum'] as Received;
  assert.deepEqual([isMonotonic, aggregationTemporality], [true, 2]);
  const total = (dataPoints as Received[]).reduce((sum, { asDouble }) => sum + (asDouble as number), 0);
  assert.ok(total >= 1);
  const duration = receiver.metrics().findLast(({ name }) => name === 'sluice_request_duration_seconds')!;
  assert.equal(duration['unit'], 's');
  for (const point of (duration['histogram'] as Received)['dataPoints'] as Received[]) {
    const counts = (point['bucketCounts'] as string[]).map(Number);
    assert.equal(counts.length, (point['explicitBounds'] as number[]).length + 1);
    assert.equal(
      counts.reduce((a, b) => a + b),
      Number(point['count']),
    );
  }
  const record = await eventually(() => receiver.logRecords().find((each) => each['traceId'] === traceId));
  assert.equal(record['eventName'], 'sluice.access');
  const of = attributesOf(record);
  assert.equal(of['status'], 200);
  assert.equal(of['route'], 'llm');
  assert.ok((of['tokens.output'] as number) > 0);
});

test('a receiver that is busy is tried again, one that refuses loses a batch, one that hangs fills its queue; calls do not notice', async () => {
  gateway.rewrite(documentWith('json', { timeout: '1s' }));
  await eventually(async () => (await version()) === 2);
  receiver.mode = 'busy';
  const busy = '3'.repeat(32);
  await (await chat({ trace: `00-${busy}-${parent}-01` })).text();
  await eventually(async () => (await metric('sluice_export_failures_total', 'otlp/traces')) > 0);
  receiver.mode = 'take';
  // An answer that comes too late is tried again: at least once each.
  await eventually(() => spansOf(busy).length >= 2);
  assert.equal(receiver.requests.at(-1)!.encoding, 'json');
  assert.equal(receiver.requests.at(-1)!.headers['content-encoding'], 'gzip');

  receiver.mode = 'partly';
  const partly = await metric('sluice_export_dropped_total', 'otlp/traces');
  await (await chat({ trace: `00-${'4'.repeat(32)}-${parent}-01` })).text();
  await eventually(async () => (await metric('sluice_export_dropped_total', 'otlp/traces')) === partly + 2);

  receiver.mode = 'refuse';
  await (await chat({ trace: `00-${'5'.repeat(32)}-${parent}-01` })).text();
  await eventually(async () => (await metric('sluice_export_dropped_total', 'otlp/traces')) === partly + 4);

  receiver.mode = 'hang';
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => chat({ trace: `00-${'6'.repeat(32)}-${parent}-01` })),
  );
  for (const answer of answers) assert.match(await answer.text(), /\[DONE\]/);
  // Two spans each, of which 64 may wait.
  await eventually(
    async () => (await metric('sluice_export_dropped_total', 'otlp/traces')) >= partly + 4 + 56,
  );
  receiver.mode = 'take';
  await eventually(() => spansOf('6'.repeat(32)).length > 0);
});

const version = async (): Promise<number> =>
  ((await (await gateway.admin('/v1/status')).json()) as { snapshotVersion: number }).snapshotVersion;

const documentWith = (encoding: 'json', more: object): object =>
  standardConfig(gateway.simulator.url, { log: { access: false }, telemetry: telemetry(encoding, more) });
