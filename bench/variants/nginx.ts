import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, findFreePort, waitUntilReady } from '../ports.ts';
import type { Variant } from './variant.ts';

/** What sets one nginx of a comparison apart from the others. */
export interface NginxSettings extends Pick<Variant, 'name' | 'about' | 'caches'> {
  /** Directives of its `http` block, and locations of its server. */
  readonly http?: string;
  readonly locations?: string;
}

/** One worker that relays: no keys, no limits, no metering, no log. */
export function nginxVariant({ http = '', locations = '', ...named }: NginxSettings): Variant {
  return {
    ...named,
    scales: false,
    version() {
      const { stderr, error } = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
      if (error) throw new Error('nginx is not installed');
      return stderr.trim().replace('nginx version: ', '');
    },
    async start({ children, core, upstreamPort, directory }) {
      const port = await findFreePort();
      const config = join(directory, 'nginx.conf');
      mkdirSync(join(directory, 'logs'));
      writeFileSync(config, renderConfig({ port, upstreamPort, http, locations }));
      const child = children.start(['nginx', '-p', directory, '-c', config, '-e', 'stderr'], { core });
      await waitUntilReady(child, () => accepts(port));
      return { port, child, adminPort: null };
    },
  };
}

/** The measure of the others. */
export const nginx: Variant = nginxVariant({
  name: 'nginx',
  about: 'one worker, relays only: keep-alive to upstream, proxy_buffering off, access_log off',
});

interface Settings extends Required<Pick<NginxSettings, 'http' | 'locations'>> {
  readonly port: number;
  readonly upstreamPort: number;
}

// Without a master process the one process is the worker: its id gives CPU time and memory. keepalive_requests is
// raised, because new connections every thousand requests are not what is compared; client_body_buffer_size, so that
// a long prompt is not written to a file.
const renderConfig = ({ port, upstreamPort, http, locations }: Settings): string => `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
worker_rlimit_nofile 16384;
events { worker_connections 16384; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 100000000;
  tcp_nodelay on;
  client_max_body_size 32m;
  client_body_buffer_size 256k;
  ${http}
  upstream bench { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${locations}
    location / {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
  }
}
`;
