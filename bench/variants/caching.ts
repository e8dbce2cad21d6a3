import { nginxVariant } from './nginx.ts';
import { sluiceVariant, usualPolicies } from './sluice.ts';

/** Keys, limits and receipts as ever, and then an answer that was kept. */
export const sluiceCache = sluiceVariant({
  name: 'sluice-cache',
  about: 'key-auth, rate limits, answers to GET kept for everybody',
  policies: [...usualPolicies, { 'http-cache': { scope: 'everybody', ttl: '1h' } }],
  caches: true,
});

/** Files stay open, so that a hit is one `sendfile` of what the kernel has in memory. Both say by Cache-Status what was done. */
export const nginxCache = nginxVariant({
  name: 'nginx-cache',
  about: 'one worker with proxy_cache, files kept open; no keys, no limits, no metering, access_log off',
  caches: true,
  http: `proxy_cache_path cache keys_zone=bench:10m inactive=1h use_temp_path=off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;`,
  locations: `location /plain/ {
      proxy_pass http://bench;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache bench;
      proxy_cache_valid 200 1h;
      add_header Cache-Status "nginx; $upstream_cache_status";
    }`,
});
