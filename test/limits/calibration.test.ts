/** Estimates on traffic as it comes: lengths with heavy tails, callers that ask for 128,000 tokens each time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createCalibrationMemory, openCalibration } from '#core/calibration.ts';
import type { Reservation } from '#core/contracts/counter-store.ts';
import { openCounterStore, type EmbeddedCounterStore } from '#storage/embedded/counters/counter-store.ts';
import { createCounterMemory } from '#storage/embedded/counters/layout.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { settled } from '../harness/receipts.ts';

const minutes = process.env['SLUICE_LONG'] ? 120 : 30;
const warmUpMs = 5 * 60_000;

interface Traffic {
  /** Tokens in any minute. */
  readonly limit: number;
  /** Asked for, of what the limit allows. */
  readonly load: number;
  /** Of the logarithm of an answer's length: 1.6 makes one in a hundred forty times the median. */
  readonly spread: number;
  readonly stream: boolean;
}

interface Call {
  readonly reservation: Reservation;
  readonly estimated: number;
  readonly input: number;
  readonly output: number;
  booked: number;
  steps: number;
}

function seeded(seed: number) {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  return { random, normal };
}

const openStore = (): EmbeddedCounterStore =>
  openCounterStore(createCounterMemory({ rows: 1024, reservations: 65_536 }), { owner: 1 });

interface Outcome {
  /** Calls that would have fitted, had everybody's use been known. */
  readonly fitting: number;
  /** Of these. */
  readonly refused: number;
  /** Tokens in a minute, of the limit, by all that were admitted. */
  readonly use: number;
}

function outcomeOf(traffic: Traffic, seed: number): Outcome {
  const { limit, load, spread, stream } = traffic;
  const { random, normal } = seeded(seed);
  const calibration = openCalibration(createCalibrationMemory());
  const store = openStore();
  const known = openStore();
  const item = (amount: number) => ({
    subject: 's',
    window: { kind: 'sliding' as const, windowMs: 60_000 },
    capacity: limit,
    amount,
  });
  const meanTokens = 250 * Math.exp(spread ** 2 / 2) + 300 * Math.exp(0.5);
  const gapMs = (60_000 * meanTokens) / (load * limit);
  const later: { atMs: number; run(): void }[] = [];
  const at = (atMs: number, run: () => void): void => void later.push({ atMs, run });
  let [fitting, refused, used] = [0, 0, 0];
  const endMs = 1e9 + minutes * 60_000;
  for (let nowMs = 1e9, n = 0; nowMs < endMs; n++) {
    later.sort((a, b) => b.atMs - a.atMs);
    while (later.length > 0 && later.at(-1)!.atMs <= nowMs) later.pop()!.run();
    const input = Math.ceil(300 * Math.exp(normal()));
    const estimated = Math.max(1, Math.ceil(input * (1.3 + 0.2 * normal())));
    const output = Math.max(1, Math.min(128_000, Math.round(250 * Math.exp(spread * normal()))));
    const expected = calibration.expect('m', {
      estimatedInput: estimated,
      maxOutputTokens: 128_000,
      choices: 1,
    });
    const wanted = Math.min(expected.input + expected.output, Math.max(expected.input, limit));
    const fits = known.unitsOf(item(0), nowMs) + input + output <= limit && nowMs > 1e9 + warmUpMs;
    if (fits) fitting++;
    const result = store.reserve(String(n), [item(wanted)], nowMs);
    if (!result.admitted) {
      if (fits) refused++;
    } else {
      if (nowMs > 1e9 + warmUpMs) used += input + output;
      known.restore([{ ...item(0), atMs: nowMs, amount: input + output }]);
      const call: Call = {
        reservation: result.reservation,
        estimated,
        input,
        output,
        booked: wanted,
        steps: 0,
      };
      // Forty tokens a second; limits hear of each 256.
      for (let k = 1; stream && k * 256 < output; k++)
        at(nowMs + k * 6400, () => {
          const more = Math.max(0, input + k * 256 - call.booked);
          call.booked += more;
          if (more > 0) store.debit(call.reservation, ++call.steps, [more]);
        });
      at(nowMs + 500 + output * 25, () => {
        store.settle(call.reservation, [input + output]);
        calibration.learn('m', { estimatedInput: estimated, input, output, choices: 1, reserved: wanted });
      });
    }
    nowMs += -Math.log(random()) * gapMs;
  }
  return { fitting, refused, use: used / (limit * (minutes - warmUpMs / 60_000)) };
}

const seeds = [77, 154, 231];

describe('at most 5 % of what would have fitted is refused', () => {
  const cases: Traffic[] = [];
  for (const stream of [true, false])
    for (const load of [1, 1.5, 3, 10])
      for (const [limit, spread] of [
        [100_000, 1.3],
        [50_000, 1.6],
        [20_000, 1],
        [10_000, 1],
      ] as const)
        cases.push({ stream, load, limit, spread });
  for (const traffic of cases)
    test(JSON.stringify(traffic), (t) => {
      let [fitting, refused, use] = [0, 0, 0];
      for (const seed of seeds) {
        const one = outcomeOf(traffic, seed);
        fitting += one.fitting;
        refused += one.refused;
        use += one.use / seeds.length;
      }
      t.diagnostic(`${refused} of ${fitting}; ${use.toFixed(2)} of the limit used`);
      assert.ok(refused <= 0.05 * fitting, `${refused} of ${fitting} were refused`);
    });
});

test('estimates follow the traffic, and threads learn from each other', () => {
  const memory = createCalibrationMemory();
  const [one, other] = [openCalibration(memory), openCalibration(memory)];
  const call = { estimatedInput: 1000, maxOutputTokens: null, choices: 1 };
  assert.deepEqual(one.expect('o/new', call), { input: 1000, inputBound: 1000, output: 600 });
  const sample = { estimatedInput: 1000, input: 800, output: 200, choices: 2, reserved: 900 };
  for (let i = 0; i < 400; i++) one.learn('o/new', sample);
  const { input, output } = other.expect('o/new', call);
  assert.ok(Math.abs(input - 800) < 10, `${input}`);
  assert.ok(Math.abs(output - 60) < 10, `${output}`);
  assert.equal(other.expect('o/new', { ...call, maxOutputTokens: 7, choices: 3 }).output, 21);
  for (let i = 0; i < 3000; i++) other.learn('o/new', { ...sample, output: 2000 });
  assert.ok(Math.abs(one.expect('o/new', call).output - 600) < 10);
  const [row] = one.rows();
  assert.deepEqual([row!.model, row!.samples, row!.reservedTokens], ['o/new', 3400, 3400 * 900]);
  assert.equal(row!.overdraftTokens, 400 * 100 + 3000 * 1900);
});

test('names that are too many are no more, and break nothing', () => {
  const calibration = openCalibration(createCalibrationMemory());
  const sample = { estimatedInput: 10, input: 10, output: 5, choices: 1, reserved: null };
  for (let i = 0; i < 2000; i++) calibration.learn(`o/${'x'.repeat(i % 300)}-${i}`, sample);
  assert.equal(calibration.rows().length, 1024);
  assert.equal(
    calibration.expect('o/unknown', { estimatedInput: 10, maxOutputTokens: null, choices: 1 }).output,
    600,
  );
});

test('the admin API shows what was learnt, and metrics name it', async () => {
  const gateway = await startTestGateway({
    config: { policies: [{ 'key-auth': {} }, { 'rate-limit': { by: 'key', tokens: '100000/h' } }] },
  });
  try {
    for (let i = 0; i < 3; i++)
      await settled(gateway, {
        dialect: 'chat',
        model: 'o/gpt-sim',
        script: { tokens: 700 },
        stream: false,
        body: {},
      });
    const answer = await gateway.admin('/v1/calibration');
    const { models } = (await answer.json()) as { models: Record<string, number | string>[] };
    assert.equal(models.length, 1);
    assert.deepEqual([models[0]!['model'], models[0]!['samples']], ['o/gpt-sim', 3]);
    assert.ok(Number(models[0]!['output']) < 1000 && Number(models[0]!['output']) > 800);
    assert.ok(Number(models[0]!['overdraftTokens']) > 0);
    const metrics = await (await gateway.admin('/metrics')).text();
    assert.match(metrics, /sluice_calibration_samples_total\{model="o\/gpt-sim"\} 3\n/);
    assert.match(metrics, /sluice_exceeded_tokens_total\{model="o\/gpt-sim"\} [1-9]/);
  } finally {
    await gateway.stop();
  }
});
