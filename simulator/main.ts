import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startSimulator } from './server.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '9999' },
    host: { type: 'string', default: '127.0.0.1' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
  },
});
const { 'tls-cert': cert, 'tls-key': key } = values;
if (Boolean(cert) !== Boolean(key)) throw new Error('--tls-cert and --tls-key go together');

const simulator = await startSimulator({
  port: Number(values.port),
  host: values.host,
  ...(cert && key && { tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } }),
});

console.log(`Simulator at ${simulator.url}

  POST /v1/chat/completions   POST /v1/messages   POST /v1/messages/count_tokens   GET /v1/models
  ANY /echo/**   POST /mirror   GET /bytes/N   GET /sse   upgrade /upgrade-echo

Script a call in any of these ways (simulator/README.md lists the options):
  model name      "model": "sim-x?tokens=20&paceMs=5"
  last user text  simulate:{"tokens":20,"usage":"none"}
  header          x-simulate: {"status":429,"retryAfter":2}
  queue           curl ${simulator.url}/_script -d '[{"resetAt":3},{}]'   (one script per call)
  defaults        curl ${simulator.url}/_script -d '{"tokens":20}'
See what was served:  curl '${simulator.url}/_calls?ids=1'   Forget it:  curl -X POST ${simulator.url}/_reset`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void simulator.close());
}
