import type { ServerSessionOptions, SecureServerSessionOptions } from 'node:http2';

export interface SessionLimits {
  readonly headerBytes: number;
  readonly maxStreams: number;
  readonly websocket: boolean;
}

/** What one stream may send before its body is taken. All streams of a connection together hold so much at most. */
const windowBytes = 65_535;
/** Fields of one request. */
const maxFields = 256;

/**
 * Settings and bounds of a session. Floods that the library counts are bounded here: SETTINGS, invalid frames (empty DATA
 * among them), refused streams, resets (CVE-2023-44487); PING and CONTINUATION it bounds by itself. The others are
 * `flood-watch.ts`'s.
 */
export function sessionOptions({ headerBytes, maxStreams, websocket }: SessionLimits) {
  return {
    settings: {
      maxConcurrentStreams: maxStreams,
      initialWindowSize: windowBytes,
      // Counted with 32 bytes more for each field than came (RFC 9113 §6.5.2); and what is a little too large is to be
      // answered 431, while what is far beyond is not even stored.
      maxHeaderListSize: headerBytes * 2,
      ...(websocket ? { enableConnectProtocol: true } : {}),
    },
    maxHeaderListPairs: maxFields,
    maxSettings: 32,
    // Megabytes: of each stream what its window lets in, and twice that of its answer on the way out.
    maxSessionMemory: Math.ceil((maxStreams * windowBytes * 4) / 1_000_000) + 4,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    streamResetBurst: 256,
    streamResetRate: 33,
    strictSingleValueFields: false,
  } satisfies ServerSessionOptions & SecureServerSessionOptions & { strictSingleValueFields: boolean };
}
