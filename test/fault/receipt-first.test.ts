import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { startSimulator } from '../../simulator/server.ts';
import { readLedger } from '../../src/ledger/store/offline.ts';
import { emptyFolder, startCommand, type StartedCommand } from '../harness/command.ts';
import { standardConfig, testKey } from '../harness/gateway.ts';

const rounds = process.env['SLUICE_LONG'] ? 100 : 6;
const callersAtOnce = 8;
const model = 'o/gpt-sim';

/** What ends a call's answer on the wire, in each form. */
const forms = {
  whole: { stream: false, ends: (text: string, length: number) => length > 0 && text.length >= length },
  stream: { stream: true, ends: (text: string) => text.endsWith('data: [DONE]\n\n') },
};

/** Calls again and again; `onEnd` is told of each exchange as soon as the end of its answer was read. */
async function callOn(
  url: string,
  form: keyof typeof forms,
  onEnd: (exchange: string) => void,
): Promise<void> {
  const { stream, ends } = forms[form];
  const body = JSON.stringify({
    model,
    stream,
    messages: [{ role: 'user', content: 'simulate:{"tokens":5,"paceMs":1}' }],
  });
  const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
  for (;;) {
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers });
    assert.equal(answer.status, 200);
    const length = Number(answer.headers.get('content-length') ?? 0);
    let text = '';
    for await (const chunk of answer.body!) {
      text += Buffer.from(chunk).toString('latin1');
      if (ends(text, length)) onEnd(answer.headers.get('x-sluice-exchange')!);
    }
  }
}

/** The gateway is killed by whoever reads the end of the `last`th answer, at that moment. */
async function killAtEnd(gateway: StartedCommand, last: number): Promise<Set<string>> {
  const seen = new Set<string>();
  let killed: Promise<void> | null = null;
  const onEnd = (exchange: string) => {
    seen.add(exchange);
    if (seen.size === last) killed = gateway.kill();
  };
  const callers = Array.from({ length: callersAtOnce }, (_, i) =>
    callOn(gateway.url, i % 2 ? 'whole' : 'stream', onEnd).catch((error: unknown) => {
      // The death of the gateway is no failure; an answer of the wrong kind is.
      if (error instanceof assert.AssertionError) throw error;
    }),
  );
  await Promise.all(callers);
  assert.ok(killed, 'the calls ended before the gateway was killed');
  await killed;
  return seen;
}

test('whose end a client has read is on record as completed, though the gateway dies at that moment', async (t) => {
  const cwd = emptyFolder();
  const simulator = await startSimulator({ port: 0 });
  t.after(() => simulator.close());
  writeFileSync(join(cwd, 'sluice.yaml'), stringify(standardConfig(simulator.url)));
  const args = ['--config', 'sluice.yaml', '--state', 'state'];
  const seen = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const gateway = await startCommand(t, { cwd, args });
    for (const exchange of await killAtEnd(gateway, 1 + ((round * 7) % 40))) seen.add(exchange);
  }
  assert.equal(await (await startCommand(t, { cwd, args })).stop(), 0);
  const outcomes = new Map<string, string>();
  const ledger = readLedger(join(cwd, 'state/ledger.db'));
  for (const { id, outcome } of ledger.export({})) outcomes.set(id, outcome);
  ledger.close();
  const missing = [...seen].filter((exchange) => outcomes.get(exchange) !== 'completed');
  assert.deepEqual(
    missing.map((exchange) => [exchange, outcomes.get(exchange)]),
    [],
  );
  assert.ok(seen.size >= rounds);
  t.diagnostic(`figure: answers whose end was read before or while the gateway was killed: ${seen.size}`);
  t.diagnostic(`figure: of these not on record as completed: ${missing.length}`);
});
