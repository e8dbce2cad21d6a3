import type { HeaderList } from '#core/head.ts';
import { ProtocolError } from '../http1/protocol-error.ts';

/** Where the body of an answer ends: after so many bytes (0: there is none), by chunks, or with the connection. */
export interface MessageFraming {
  readonly kind: 'length' | 'chunked' | 'close';
  readonly lengthBytes: number;
  /** May the connection carry another request after this answer? */
  readonly keepAlive: boolean;
  /** Seconds that the upstream promises to keep an idle connection, or -1. */
  readonly keepAliveSeconds: number;
}

export interface MessageStart {
  readonly status: number;
  readonly http11: boolean;
  /** Of the request it answers. */
  readonly method: string;
}

/** RFC 9112 §6.3 without its leniences: whatever could be framed in two ways is refused. @throws ProtocolError */
export function resolveFraming(start: MessageStart, headers: HeaderList): MessageFraming {
  const { status, http11, method } = start;
  let lengthBytes = -1;
  let coding: string | null = null;
  let closes = false;
  let keeps = http11;
  let keepAliveSeconds = -1;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]!;
    switch (headers[i]) {
      case 'content-length': {
        const length = parseLength(value);
        if (lengthBytes >= 0 && lengthBytes !== length) throw new ProtocolError('two different lengths');
        lengthBytes = length;
        break;
      }
      case 'transfer-encoding':
        if (coding !== null) throw new ProtocolError('two Transfer-Encoding fields');
        coding = value.toLowerCase();
        break;
      case 'connection':
        closes ||= hasOption(value, 'close');
        keeps ||= hasOption(value, 'keep-alive');
        break;
      case 'keep-alive':
        keepAliveSeconds = Number(/(?:^|[,;\s])timeout=(\d{1,6})/i.exec(value)?.[1] ?? -1);
        break;
    }
  }
  const keepAlive = keeps && !closes;
  if (coding !== null) {
    if (lengthBytes >= 0) throw new ProtocolError('a length and a transfer coding together');
    if (coding !== 'chunked' || !http11) throw new ProtocolError('a transfer coding other than "chunked"');
  }
  if (status < 200 || status === 204) {
    // RFC 9110 §8.6 and RFC 9112 §6.1: these have no body, so neither may be announced. A length of 0 does no harm.
    if (coding !== null || lengthBytes > 0)
      throw new ProtocolError(`a body with status ${status}, which has none`);
    return { kind: 'length', lengthBytes: 0, keepAlive, keepAliveSeconds };
  }
  if (method === 'HEAD' || status === 304)
    return { kind: 'length', lengthBytes: 0, keepAlive, keepAliveSeconds };
  if (coding !== null) return { kind: 'chunked', lengthBytes: -1, keepAlive, keepAliveSeconds };
  if (lengthBytes >= 0) return { kind: 'length', lengthBytes, keepAlive, keepAliveSeconds };
  return { kind: 'close', lengthBytes: -1, keepAlive: false, keepAliveSeconds };
}

function parseLength(value: string): number {
  // 15 digits stay exact in a double.
  if (!/^\d{1,15}$/.test(value)) throw new ProtocolError('a Content-Length that is not one number');
  return Number(value);
}

function hasOption(value: string, option: string): boolean {
  const lower = value.toLowerCase();
  return lower === option || lower.split(',').some((one) => one.trim() === option);
}
