import { parseArgs } from 'node:util';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** Names of figures; empty: all. */
  readonly only: readonly string[];
  readonly variants: readonly string[];
  readonly streams: number;
  readonly gatewayCore: number;
  readonly loadCore: number;
  readonly pinThreads: boolean;
  readonly realtime: boolean;
}

export const usage = `npm run bench -- [options]
  --only json,burst,cached,paced,ttfc,rest,mixed,prompt,tools,translate,memory,keys,routes,threads   figures to measure (all)
  --variants direct,nginx,sluice                                what to compare (these three)
  --with haproxy                                                another variant beside them; there are also sluice-open, sluice-limits,
                       sluice-hard, sluice-redis, sluice-audit, sluice-audit-content, sluice-cache, nginx-cache
  --rounds 3  --seconds 5  --warmup 5  --streams 1000
  --quick              one round of 2 seconds after 2 of warm-up: does it run? Not for figures to quote
  --gateway-core 0  --load-core 1
  --pin-threads        in "threads", pin the two busiest threads of the gateway to the two cores
  --no-realtime        do not ask for real-time priority for upstream and load generator`;

/**
 * Reads the command line.
 * @throws Error on an unknown option or a number that is none.
 */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '' },
      variants: { type: 'string', default: 'direct,nginx,sluice' },
      with: { type: 'string', default: '' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      streams: { type: 'string', default: '1000' },
      quick: { type: 'boolean', default: false },
      'gateway-core': { type: 'string', default: '0' },
      'load-core': { type: 'string', default: '1' },
      'pin-threads': { type: 'boolean', default: false },
      'no-realtime': { type: 'boolean', default: false },
    },
  });
  const quick = values.quick;
  return {
    rounds: readNumber('rounds', values.rounds ?? (quick ? '1' : '3'), 1),
    seconds: readNumber('seconds', values.seconds ?? (quick ? '2' : '5'), 1),
    warmupSeconds: readNumber('warmup', values.warmup ?? (quick ? '2' : '5'), 0),
    only: splitNames(values.only),
    variants: [...splitNames(values.variants), ...splitNames(values.with)],
    streams: readNumber('streams', values.streams, 2),
    gatewayCore: readNumber('gateway-core', values['gateway-core'], 0),
    loadCore: readNumber('load-core', values['load-core'], 0),
    pinThreads: values['pin-threads'],
    realtime: !values['no-realtime'],
  };
}

function splitNames(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

function readNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number < least)
    throw new Error(`--${name} ${text}: not a number from ${least} up`);
  return number;
}
