/**
 * The protocol's own conformance suite, against the fixture by itself and through the gateway: clients and servers of both eras, in
 * all pairings.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startInProcess, type InProcessGateway } from '../../harness/in-process-gateway.ts';
import { serveLegacy, serveModern, type FixtureServer } from './serve.ts';
import { runSuite, type Revision } from './suite.ts';

const scored = { '2025-11-25': 30, '2026-07-28': 37 } as const;

let modern: FixtureServer;
let legacy: FixtureServer;
let gateway: InProcessGateway;

before(async () => {
  [modern, legacy] = await Promise.all([serveModern(), serveLegacy()]);
  gateway = await startInProcess(
    {
      log: { access: false },
      servers: { modern: { url: modern.url }, legacy: { url: legacy.url } },
      routes: [
        {
          name: 'tools',
          match: { path: '/mcp/**' },
          to: { mcp: { servers: ['modern', 'legacy'] } },
          policies: [],
        },
      ],
    },
    { name: 'nothing', summary: '' },
  );
});

after(async () => {
  await gateway.stop();
  await Promise.all([modern.close(), legacy.close()]);
});

async function check(url: string, revision: Revision): Promise<void> {
  const { passed, failed, said } = await runSuite(url, revision);
  assert.deepEqual(failed, [], said);
  assert.equal(passed.length, scored[revision], said);
}

if (process.env['SLUICE_LONG'] === '1') {
  test('the fixture of the legacy era passes by itself', () => check(legacy.url, '2025-11-25'));
  test('the fixture of the modern era passes by itself', () => check(modern.url, '2026-07-28'));
}

for (const [revision, client] of [
  ['2025-11-25', 'legacy'],
  ['2026-07-28', 'modern'],
] as const)
  for (const server of ['legacy', 'modern'])
    test(`a ${client} client of a ${server} server passes`, () =>
      check(`${gateway.url}/mcp/${server}`, revision));
