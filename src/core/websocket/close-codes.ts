const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** May this code stand in a close frame (RFC 6455 §7.4 and IANA's registry)? 1005, 1006 and 1015 are never sent. */
export function isSendable(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

/** A close frame's payload: nothing, or a code with a reason in UTF-8 (§5.5.1). */
export function isValidClose(payload: Uint8Array): boolean {
  if (payload.length === 0) return true;
  if (payload.length === 1 || !isSendable(payload[0]! * 256 + payload[1]!)) return false;
  try {
    strictUtf8.decode(payload.subarray(2));
    return true;
  } catch {
    return false;
  }
}

/** 1005 where there is none (§7.1.5). */
export const closeCodeOf = (payload: Uint8Array): number =>
  payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
