import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { startSimulator } from '../../simulator/server.ts';
import { readLedger, verifyDatabase } from '../../src/ledger/store/offline.ts';
import { totalsOf } from '../../src/core/usage.ts';
import { standardConfig, testKey } from '../harness/gateway.ts';

const rounds = process.env['SLUICE_LONG'] ? 250 : 6;
const callersAtOnce = 8;

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

/** Starts the gateway as a process of its own and waits until it is ready. */
async function start(config: string, admin: number): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', 'src/cli/sluice.ts', 'start', '--config', config],
    { stdio: 'ignore' },
  );
  for (const until = Date.now() + 30_000; ;) {
    const ready = await fetch(`http://127.0.0.1:${admin}/readyz`).then(
      (r) => r.ok,
      () => false,
    );
    if (ready) return child;
    assert.ok(Date.now() < until && child.exitCode === null, 'the gateway did not start');
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const ended = (child: ChildProcess) =>
  new Promise<void>((resolve) =>
    child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve()),
  );

/** Calls until told to stop; a call that fails because the gateway died is what this is about. */
async function load(url: string, keepOn: () => boolean): Promise<void> {
  for (let i = 0; keepOn(); i++) {
    const script = i % 3 === 0 ? { text: 'whole' } : { tokens: 8, paceMs: 3 };
    const body = JSON.stringify({
      model: 'o/gpt-sim',
      stream: i % 3 !== 0,
      messages: [{ role: 'user', content: `simulate:${JSON.stringify(script)}` }],
    });
    try {
      const answer = await fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        body,
        headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' },
      });
      await answer.text();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

test('kill -9 at any moment loses no call: each that was served has exactly one receipt', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'));
  const simulator = await startSimulator({ port: 0 });
  const [port, admin] = [await freePort(), await freePort()];
  const config = join(folder, 'sluice.yaml');
  const state = join(folder, 'state');
  writeFileSync(
    config,
    stringify(standardConfig(simulator.url, { listen: { port }, admin: { port: admin }, state, threads: 2 })),
  );
  const served = new Set<string>();
  /** By exchange: what the upstream said was used. */
  const reported = new Map<string, string>();
  let child: ChildProcess | null = null;
  try {
    for (let round = 0; round < rounds; round++) {
      child = await start(config, admin);
      let running = true;
      const callers = Array.from({ length: callersAtOnce }, () =>
        load(`http://127.0.0.1:${port}`, () => running),
      );
      await new Promise((resolve) => setTimeout(resolve, 60 + ((round * 137) % 400)));
      child.kill('SIGKILL');
      await ended(child);
      running = false;
      await Promise.all(callers);
      for (const { exchangeId, usage } of simulator.calls()) {
        if (!exchangeId) continue;
        served.add(exchangeId);
        if (usage)
          reported.set(exchangeId, `${usage['prompt_tokens']} in, ${usage['completion_tokens']} out`);
      }
      simulator.reset();
    }
    child = await start(config, admin);
    child.kill('SIGTERM');
    await ended(child);
    assert.equal(child.exitCode, 0);
    const onBooks = [...readLedger(join(state, 'ledger.db')).export({})];
    const receipts = onBooks.map((receipt) => receipt.id);
    assert.equal(new Set(receipts).size, receipts.length);
    const booked = new Set(receipts);
    assert.ok(served.size >= rounds * 3, `only ${served.size} calls were served`);
    const lost = [...served].filter((id) => !booked.has(id));
    assert.deepEqual(lost, []);
    for (const { id, outcome, attempts } of onBooks) {
      const { lines, rawUsage } = attempts[0]!;
      if (outcome === 'completed') {
        const { input, output } = totalsOf(lines.map((priced) => priced.line));
        assert.equal(`${input} in, ${output} out`, reported.get(id));
      } else if (outcome === 'gateway_crash') {
        const { fromNano, toNano } = (rawUsage as { operatorCost: Record<string, string> }).operatorCost;
        assert.ok(BigInt(fromNano!) < BigInt(toNano!), `from ${fromNano} to ${toNano}`);
      }
    }
    assert.deepEqual(verifyDatabase(join(state, 'ledger.db')).findings, []);
    t.diagnostic(`figure: gateways killed by SIGKILL under load: ${rounds}`);
    t.diagnostic(`figure: calls that the upstream served meanwhile: ${served.size}`);
    t.diagnostic(`figure: receipts in the ledger afterwards: ${receipts.length}`);
    t.diagnostic(
      `figure: served calls without a receipt, or with two: ${lost.length + receipts.length - booked.size}`,
    );
  } finally {
    child?.kill('SIGKILL');
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
