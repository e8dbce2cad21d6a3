import type { Receipt } from '#core/receipt.ts';
import { inputLine, outputLine } from '#core/usage.ts';
import { dayMs } from '../store/receipt-entry.ts';
import { idAt } from './samples.ts';

/** What many tenants of a large installation use: the same receipts for the same numbers. */
export interface Installation {
  readonly fromMs: number;
  readonly days: number;
  readonly count: number;
}

const [keys, projects, teams, models, providers, services] = [500, 100, 20, 25, 5, 40];

/** Whole numbers below `below`, spread evenly and without a pattern over the numbers of receipts (a multiplicative hash). */
const pick = (n: number, salt: number, below: number): number =>
  ((Math.imul(n + salt, 2_654_435_761) ^ (Math.imul(n, salt * 40_503 + 1) >>> 7)) >>> 0) % below;

/** Receipt `n` of `count`, in the order of their admission. */
export function installedReceipt(n: number, { fromMs, days, count }: Installation): Receipt {
  const admittedAtMs = fromMs + Math.floor((n / count) * days * dayMs);
  const key = pick(n, 1, keys);
  // Whoever has a key uses a few models by way of one route.
  const model = (key * 7 + pick(n, 2, 3)) % models;
  const provider = `provider-${model % providers}`;
  const input = 200 + pick(n, 3, 4_000);
  const cached = pick(n, 4, 3) === 0 ? Math.floor(input / 2) : 0;
  const output = 20 + pick(n, 5, 900);
  const failed = pick(n, 6, 50) === 0;
  return {
    id: idAt(admittedAtMs, n),
    route: `route-${key % 4}`,
    outcome: failed ? 'upstream_error' : 'completed',
    status: failed ? 502 : 200,
    fault: failed ? 'upstream/status' : null,
    subjects: {
      key: `key-${key}`,
      project: `project-${key % projects}`,
      team: `team-${key % teams}`,
      service: `service-${key % services}`,
    },
    dialect: 'chat',
    requestedModel: `model-${model}`,
    admittedAtMs,
    settledAtMs: admittedAtMs + 400 + pick(n, 9, 9_000),
    firstContentAtMs: admittedAtMs + 100 + pick(n, 10, 900),
    requestBytes: 400 + input * 4,
    responseBytes: 300 + output * 5,
    traceId: n.toString(16).padStart(8, '0').repeat(4),
    dropped: [],
    attempts: [
      {
        number: 1,
        provider,
        model: `model-${model}-2026-01-01`,
        startedAtMs: admittedAtMs + 2,
        endedAtMs: admittedAtMs + 390 + pick(n, 9, 9_000),
        status: failed ? 502 : 200,
        fault: failed ? 'upstream/status' : null,
        upstreamId: `req_${(Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0').repeat(3)}`,
        usageSource: failed ? null : 'provider',
        rawUsage: failed ? null : { prompt_tokens: input, completion_tokens: output },
        flags: [],
        priceVersion: 'config/4f1a9b2c',
        currency: 'USD',
        lines: failed
          ? []
          : [
              { line: inputLine(input - cached), costNano: BigInt(input - cached) * 2_500n },
              { line: inputLine(cached, 'read'), costNano: BigInt(cached) * 250n },
              { line: outputLine(output), costNano: BigInt(output) * 10_000n },
            ],
      },
    ],
  };
}
