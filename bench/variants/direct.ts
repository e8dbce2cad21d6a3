import type { Variant } from './variant.ts';

/** No gateway at all: what upstream, load generator and loopback take by themselves. */
export const direct: Variant = {
  name: 'direct',
  about: 'load generator to upstream',
  scales: false,
  version: () => '',
  start: async ({ upstreamPort }) => ({ port: upstreamPort, child: null, adminPort: null }),
};
