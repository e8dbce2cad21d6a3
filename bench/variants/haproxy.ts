import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, findFreePort, waitUntilReady } from '../ports.ts';
import type { Variant } from './variant.ts';

/** Another relay in C, for those who have it installed (`--with haproxy`). */
export const haproxy: Variant = {
  name: 'haproxy',
  about: 'one thread, relays only: keep-alive to upstream, option http-no-delay, no log',
  scales: false,
  version() {
    const { stdout, error } = spawnSync('haproxy', ['-v'], { encoding: 'utf8' });
    if (error) throw new Error('haproxy is not installed');
    return stdout.split('\n')[0]!;
  },
  async start({ children, core, upstreamPort, directory }) {
    const port = await findFreePort();
    const config = join(directory, 'haproxy.cfg');
    writeFileSync(config, renderConfig(port, upstreamPort));
    const child = children.start(['haproxy', '-db', '-f', config], { core });
    await waitUntilReady(child, () => accepts(port));
    return { port, child, adminPort: null };
  },
};

// Without http-no-delay chunks wait up to 100 ms for company.
const renderConfig = (port: number, upstreamPort: number): string => `
global
  maxconn 8000
  nbthread 1
defaults
  mode http
  option http-keep-alive
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend bench
  bind 127.0.0.1:${port} backlog 4096
  default_backend upstream
backend upstream
  server upstream 127.0.0.1:${upstreamPort} maxconn 8000 pool-max-conn 4096
`;
