import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { startSimulator, type Simulator } from '../../simulator/server.ts';
import { standardConfig, startTestGateway, testKey, type TestGateway } from '../harness/gateway.ts';
import { freePort } from '../harness/redis.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-prometheus-'));
let simulator: Simulator;
let gateway: TestGateway | undefined;
let prometheus: ChildProcess | undefined;
let url: string;

/** Prometheus as the page has it, but for its address, what it scrapes, and how often. */
async function startPrometheus(): Promise<void> {
  const document = parse(readFileSync('deploy/prometheus/prometheus.yaml', 'utf8')) as {
    global: object;
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  document.global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
  document.scrape_configs[0]!.static_configs[0]!.targets = [new URL(gateway!.adminUrl).host];
  writeFileSync(join(folder, 'prometheus.yaml'), stringify(document));
  copyFileSync('deploy/prometheus/rules.yaml', join(folder, 'rules.yaml'));
  const address = `127.0.0.1:${await freePort()}`;
  url = `http://${address}`;
  prometheus = spawn(
    'prometheus',
    [
      ...['--config.file', join(folder, 'prometheus.yaml'), '--storage.tsdb.path', join(folder, 'data')],
      ...['--web.listen-address', address, '--enable-feature=exemplar-storage'],
    ],
    { stdio: 'ignore' },
  );
}

before(async () => {
  const limited = [
    { 'key-auth': {} },
    { 'model-access': {} },
    { 'rate-limit': { by: 'key', requests: '30/min' } },
  ];
  simulator = await startSimulator({ port: 0 });
  const document = standardConfig(simulator.url);
  gateway = await startTestGateway({
    simulator,
    config: {
      policies: limited,
      // Two members: of one there is nothing to show.
      upstreams: { pair: { targets: [simulator.url, simulator.url.replace('127.0.0.1', 'localhost')] } },
      routes: [
        ...(document['routes'] as object[]),
        {
          name: 'pair',
          match: { path: '/pair/**' },
          stripPrefix: '/pair',
          to: { upstream: 'pair', retries: { attempts: 2, on: [503] } },
          policies: [],
        },
      ],
    },
  });
  await startPrometheus();
});
after(async () => {
  prometheus?.kill('SIGKILL');
  await gateway?.stop();
  await simulator.close();
  rmSync(folder, { recursive: true, force: true });
});

async function traffic(): Promise<void> {
  const chat = (body: object, key = testKey) =>
    fetch(`${gateway!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-x', messages: [{ role: 'user', content: 'hi' }], ...body }),
    }).then((answer) => answer.text());
  await chat({ stream: true, model: 'gpt-x?tokens=20&paceMs=5' });
  await chat({ stream: false });
  simulator.enqueue({ status: 500 });
  await chat({});
  await fetch(`${gateway!.url}/pair/echo/x`);
  await fetch(`${gateway!.url}/pair/echo/x?simulate=${encodeURIComponent('{"status":503}')}`);
}

async function ask(path: string, parameters: Record<string, string>): Promise<unknown[]> {
  const answer = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`);
  const { status, data, error } = (await answer.json()) as {
    status: string;
    data: { result: unknown[] } & unknown[];
    error?: string;
  };
  assert.equal(status, 'success', String(error));
  return data.result ?? data;
}

test('the rules are rules, and say what they are there to say', () => {
  const calls = [
    ['check', 'rules', 'deploy/prometheus/rules.yaml'],
    ['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yaml'],
    ['test', 'rules', 'deploy/prometheus/rules.test.yaml', 'deploy/prometheus/spending.test.yaml'],
  ];
  for (const args of calls) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  }
});

test('each panel of each dashboard has data on a Prometheus that scrapes a gateway with traffic; rules are evaluated', async () => {
  interface Panel {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }
  const queries = readdirSync('deploy/grafana').flatMap((file) => {
    const { title, panels } = JSON.parse(readFileSync(join('deploy/grafana', file), 'utf8')) as {
      title: string;
      panels: Panel[];
    };
    return panels.flatMap((panel) =>
      panel.targets.map(({ expr }) => ({ name: `${title}, ${panel.title}: ${expr}`, expr })),
    );
  });
  assert.ok(queries.length >= 40, String(queries.length));
  let left = queries;
  for (const until = Date.now() + 120_000; left.length > 0 && Date.now() < until;) {
    await traffic();
    const answers = await Promise.all(
      left.map(async (query) => {
        const expr = query.expr.replaceAll('$__rate_interval', '1m');
        const result = (await ask('query', { query: expr }).catch(() => [])) as { value: [number, string] }[];
        return { query, has: result.some(({ value }) => Number.isFinite(Number(value[1]))) };
      }),
    );
    left = answers.filter(({ has }) => !has).map(({ query }) => query);
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 500));
  }
  assert.deepEqual(
    left.map(({ name }) => name),
    [],
  );

  const series = (await ask('query', { query: 'sluice:errors:ratio_rate5m' })) as {
    value: [number, string];
  }[];
  assert.ok(Number(series[0]!.value[1]) > 0.1, 'a call in five fails');
  // The scrape was in OpenMetrics: traces stand for buckets.
  const nowS = Date.now() / 1000;
  const exemplars = (await ask('query_exemplars', {
    query: 'sluice_request_duration_seconds_bucket',
    start: String(nowS - 600),
    end: String(nowS),
  })) as { exemplars: { labels: { trace_id: string } }[] }[];
  assert.match(exemplars[0]!.exemplars[0]!.labels.trace_id, /^[0-9a-f]{32}$/);
});

test('whatever a rule or a panel asks for is on the page of metrics', () => {
  const page = readFileSync('docs/metrics.md', 'utf8');
  const texts = [
    readFileSync('deploy/prometheus/rules.yaml', 'utf8'),
    ...readdirSync('deploy/grafana').map((file) => readFileSync(join('deploy/grafana', file), 'utf8')),
  ];
  const names = new Set(texts.join('\n').match(/\bsluice_[a-z0-9_]+/g));
  const missing = [...names].filter((name) => !page.includes(name.replace(/_(bucket|count|sum)$/, '')));
  assert.deepEqual(missing, []);
});
