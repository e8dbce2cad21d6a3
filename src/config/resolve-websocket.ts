import type { WebSocketRules } from '#core/snapshot.ts';
import type { WebSocketSettings } from './schema-websocket.ts';
import { parseDuration, parseSize } from '#core/units.ts';

const originPattern = /^(?:\*|null|[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?[a-z0-9._\-[\]:]+)$/i;

export function resolveWebSocket(
  settings: WebSocketSettings | undefined,
  refuse: (message: string) => void,
): WebSocketRules {
  const { origins = null, maxMessage = '64MiB', idleTimeout = 0, ping = '30s' } = settings ?? {};
  for (const origin of origins ?? []) {
    if (!originPattern.test(origin))
      refuse(`expected an origin such as https://app.example.com, without a path, got "${origin}"`);
  }
  return {
    origins,
    maxMessageBytes: parseSize(maxMessage),
    idleTimeoutMs: parseDuration(idleTimeout),
    pingMs: parseDuration(ping),
    controlFrames: settings?.controlFrames ?? 100,
    compression: settings?.compression ?? 'pass',
  };
}
