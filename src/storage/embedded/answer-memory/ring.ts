import { digestOf, ways, type Layout } from './layout.ts';
import { headBytes, parseRecord, placeRecord, renderRecord, sizeOf, type RecordParts } from './record.ts';

/** A record is not larger than this share of the ring, so that one cannot sweep it. */
const shareOfRing = 8;
/** What is asked for while it is among the oldest quarter goes to the ring's front again. */
const keptShare = 0.75;

/** The ring of records, and the table by which they are found. */
export class Ring {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  get mostBytes(): number {
    return Math.floor(this.#layout.ring.length / shareOfRing);
  }

  put(parts: RecordParts): boolean {
    const size = sizeOf(parts);
    if (size > this.mostBytes) return false;
    const at = this.#take(size);
    this.#write(renderRecord(parts, at), at);
    this.#point(parts.digest, at);
    return true;
  }

  get(key: string): RecordParts | null {
    const digest = digestOf(key);
    const { places } = this.#layout;
    const tag = digest.readBigInt64LE(0);
    const first = this.#firstPlace(digest);
    for (let place = first; place < first + ways * 2; place += 2) {
      if (Atomics.load(places, place + 1) !== tag) continue;
      const at = Number(Atomics.load(places, place)) - 1;
      if (at < 0) continue;
      const record = this.#read(at, digest);
      if (!record) continue;
      const parts = parseRecord(record);
      if (!parts) continue;
      if (this.#age(at) > keptShare) this.#again(record, at, parts.digest);
      return parts;
    }
    return null;
  }

  drop(digest: Buffer): void {
    const { places } = this.#layout;
    const tag = digest.readBigInt64LE(0);
    const first = this.#firstPlace(digest);
    for (let place = first; place < first + ways * 2; place += 2)
      if (Atomics.load(places, place + 1) === tag) Atomics.store(places, place, 0n);
  }

  #firstPlace(digest: Buffer): number {
    return (digest.readUInt32LE(8) & (this.#layout.buckets - 1)) * ways * 2;
  }

  #take(size: number): number {
    return Number(Atomics.add(this.#layout.control, 0, BigInt(size)));
  }

  /** From 0, just written, to 1, about to be overwritten, and more. */
  #age(at: number): number {
    return (Number(Atomics.load(this.#layout.control, 0)) - at) / this.#layout.ring.length;
  }

  #again(record: Buffer, at: number, digest: Buffer): void {
    // Of several threads the first one that sees it.
    const { places } = this.#layout;
    const first = this.#firstPlace(digest);
    for (let place = first; place < first + ways * 2; place += 2) {
      if (Atomics.compareExchange(places, place, BigInt(at + 1), 0n) !== BigInt(at + 1)) continue;
      const anew = this.#take(record.length);
      this.#write(placeRecord(record, anew), anew);
      Atomics.store(places, place, BigInt(anew + 1));
      return;
    }
  }

  #write(record: Buffer, at: number): void {
    const { ring } = this.#layout;
    const from = at % ring.length;
    const upToEnd = Math.min(record.length, ring.length - from);
    ring.set(record.subarray(0, upToEnd), from);
    if (upToEnd < record.length) ring.set(record.subarray(upToEnd), 0);
  }

  /** Null: another record is there by now. */
  #read(at: number, digest: Buffer): Buffer | null {
    const { ring } = this.#layout;
    if (this.#age(at) > 1) return null;
    const head = this.#copy(at, headBytes);
    const size = Math.ceil(head.readUInt32LE(4) / 8) * 8;
    if (size < headBytes || size > Math.floor(ring.length / shareOfRing)) return null;
    if (head.readDoubleLE(8) !== at || digest.compare(head, 16, 32) !== 0) return null;
    const record = this.#copy(at, size);
    return this.#age(at) > 1 ? null : record;
  }

  #copy(at: number, size: number): Buffer {
    const { ring } = this.#layout;
    const from = at % ring.length;
    const copy = Buffer.allocUnsafe(size);
    const upToEnd = Math.min(size, ring.length - from);
    copy.set(ring.subarray(from, from + upToEnd));
    if (upToEnd < size) copy.set(ring.subarray(0, size - upToEnd), upToEnd);
    return copy;
  }

  /** In the key's own place, a free one, or the one of its oldest neighbour. */
  #point(digest: Buffer, at: number): void {
    const { places } = this.#layout;
    const tag = digest.readBigInt64LE(0);
    const first = this.#firstPlace(digest);
    let chosen = first;
    let oldest: bigint | null = null;
    for (let place = first; place < first + ways * 2; place += 2) {
      if (Atomics.load(places, place + 1) === tag) {
        chosen = place;
        break;
      }
      const begins = Atomics.load(places, place);
      if (oldest === null || begins < oldest) {
        oldest = begins;
        chosen = place;
      }
    }
    Atomics.store(places, chosen, 0n);
    Atomics.store(places, chosen + 1, tag);
    Atomics.store(places, chosen, BigInt(at + 1));
  }
}
