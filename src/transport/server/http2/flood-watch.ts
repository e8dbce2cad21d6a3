/**
 * Bounds what a connection may cost without asking for anything. Two leaky buckets:
 *
 * - bytes that were neither body nor head of a request (PRIORITY, WINDOW_UPDATE, PING, empty frames …), beyond what comes
 *   with the answers it takes in;
 * - streams that ended before their answer was given, whoever reset them: a client that provokes resets costs as much as
 *   one that sends them (CVE-2023-44487, CVE-2025-8671).
 */
export class FloodWatch {
  #explained = 0;
  #overhead = 0;
  #seenBytes = 0;
  #resets = 0;
  #checkedMs: number;

  constructor(nowMs: number) {
    this.#checkedMs = nowMs;
  }

  /** Bytes that had a purpose. */
  explain(bytes: number): void {
    this.#explained += bytes;
  }

  /** A stream ended early. True when there were too many. */
  reset(): boolean {
    return ++this.#resets > resetBurst;
  }

  /** True when the connection is a flood. `readBytes` and `writtenBytes` are all of the connection's until now. */
  check(nowMs: number, readBytes: number, writtenBytes: number): boolean {
    const seconds = (nowMs - this.#checkedMs) / 1000;
    this.#checkedMs = nowMs;
    this.#resets = Math.max(0, this.#resets - resetsPerSecond * seconds);
    // Whoever takes an answer in says so now and then (WINDOW_UPDATE).
    const unexplained = readBytes - this.#explained - writtenBytes / bytesPerAcknowledged;
    const added = Math.max(0, unexplained - this.#seenBytes);
    this.#seenBytes = Math.max(this.#seenBytes, unexplained);
    this.#overhead = Math.max(0, this.#overhead + added - overheadPerSecond * seconds);
    return this.#overhead > overheadBurst;
  }
}

const resetBurst = 256;
const resetsPerSecond = 33;
const overheadBurst = 256 * 1024;
const overheadPerSecond = 64 * 1024;
const bytesPerAcknowledged = 64;
