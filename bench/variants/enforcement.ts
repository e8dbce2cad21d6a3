import { accepts, findFreePort, waitUntilReady } from '../ports.ts';
import { sluiceVariant, usualPolicies } from './sluice.ts';
import type { Placing } from './variant.ts';

/** What a gateway that enforces and records is held against: it knows whose a call is and meters it, and that is all. */
export const open = sluiceVariant({
  name: 'sluice-open',
  about: 'key-auth, no limits',
  policies: [{ 'key-auth': {} }],
});

/** Requests, tokens, places and money, as a project under a budget has them; none of them is ever used up. */
const manyLimits = [
  ...usualPolicies,
  { 'concurrency-limit': { by: 'project', max: 100_000 } },
  { budget: { by: 'project', money: '1000000 per month' } },
];

export const limits = sluiceVariant({
  name: 'sluice-limits',
  about: 'key-auth, requests, tokens, places and a monthly budget of the project',
  policies: manyLimits,
});

/** The same, and output paid for ahead while a stream flows. */
export const hard = sluiceVariant({
  name: 'sluice-hard',
  about: 'the same limits, the budget hard: streams lease what they go on with',
  policies: [
    ...manyLimits.slice(0, -1),
    { budget: { by: 'project', money: '1000000 per month', hard: true } },
  ],
});

/** The same limits, counted in Redis. It runs on the core of the load, as another machine would. */
export const redis = sluiceVariant({
  name: 'sluice-redis',
  about: 'the same limits counted in Redis, which shares the core of the load',
  policies: manyLimits,
  startStorage: startRedis,
});

export const audit = sluiceVariant({
  name: 'sluice-audit',
  about: 'key-auth, rate limits, every exchange in the audit log',
  policies: [...usualPolicies, { audit: {} }],
});

export const auditContent = sluiceVariant({
  name: 'sluice-audit-content',
  about: 'key-auth, rate limits, every exchange in the audit log with what was asked and answered, encrypted',
  policies: [...usualPolicies, { audit: { content: 'both' } }],
});

async function startRedis({ children, directory, loadCore }: Placing): Promise<object> {
  const port = await findFreePort();
  const child = children.start(
    ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory],
    { core: loadCore },
  );
  await waitUntilReady(child, () => accepts(port));
  return { redis: { url: `redis://127.0.0.1:${port}` } };
}
