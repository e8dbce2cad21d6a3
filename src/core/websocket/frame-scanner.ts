import { closeCodeOf, isValidClose } from './close-codes.ts';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface ScannerSettings {
  /** Frames of clients are masked, those of servers are not (RFC 6455 §5.1). */
  readonly masked: boolean;
  /** Was an extension agreed on that uses RSV1 (permessage-deflate, RFC 7692 §6)? */
  readonly rsv1: boolean;
  /** Payload of one message, all its fragments together, as it is on the wire. 0: without bound. */
  readonly maxMessageBytes: number;
  /** Control frames that may come at once; `calm` makes room for more. */
  readonly maxControlFrames: number;
}

export interface FrameHandler {
  /** Checked bytes, to be passed on in this order. They are parts of what was pushed, or the scanner's own copies. */
  pass(bytes: Uint8Array): void;
  /** A whole ping, pong or close, its payload unmasked. False keeps it from being passed on. */
  control(opcode: number, payload: Uint8Array): boolean;
  /** A frame has passed to its end; asked for by `wantsBorder`. */
  border(): void;
}

/** What is wrong, as the close code that says it (RFC 6455 §7.4.1). */
export interface Violation {
  readonly code: number;
  readonly reason: string;
}

/** Frames a message may be cut into: each costs us and the receiver work, however small it is. */
const maxFragments = 65_536;
const maxHeaderBytes = 14;
const maxControlBytes = 125;

/**
 * Follows one direction of a WebSocket. Every frame's header is checked before a byte of the frame passes; payloads pass
 * as they come. Control frames pass whole.
 */
export class FrameScanner {
  readonly #settings: ScannerSettings;
  readonly #handler: FrameHandler;
  /** The beginning of a frame that cannot be judged yet: a header, or a control frame. */
  readonly #held = new Uint8Array(maxHeaderBytes + maxControlBytes);
  #heldBytes = 0;
  /** Payload of the present data frame that is still to come. */
  #payloadLeft = 0;
  #inMessage = false;
  #isLastFrame = true;
  #messageBytes = 0;
  #fragments = 0;
  #controlFrames = 0;
  /** Whole messages that came. */
  messages = 0;
  /** Payload of messages that came. */
  bytes = 0;
  /** Status code of the close frame that came, 1005 when it had none, or 0 before there is one. Nothing passes after it. */
  closeCode = 0;
  violation: Violation | null = null;
  /** Tell when the present frame has passed, before anything of the next one does. */
  wantsBorder = false;

  constructor(settings: ScannerSettings, handler: FrameHandler) {
    this.#settings = settings;
    this.#handler = handler;
  }

  /** True where another frame may be put between those that passed. */
  get atBorder(): boolean {
    return this.#payloadLeft === 0;
  }

  /** Has a message begun that is not whole yet? */
  get inMessage(): boolean {
    return this.#inMessage;
  }

  /** Makes room for so many more control frames. */
  calm(frames: number): void {
    this.#controlFrames = Math.max(0, this.#controlFrames - frames);
  }

  /** Null unless something is wrong: then what came before it has passed, and nothing else will. */
  push(chunk: Uint8Array): Violation | null {
    let at = 0;
    /** From here on the chunk's bytes are checked but not passed yet. */
    let run = 0;
    while (at < chunk.length && this.violation === null && this.closeCode === 0) {
      if (this.#payloadLeft > 0) {
        const taken = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= taken;
        at += taken;
        if (this.#payloadLeft > 0) continue;
        this.#frameEnded();
        if (!this.wantsBorder) continue;
        this.#handler.pass(chunk.subarray(run, at));
        run = at;
        this.#handler.border();
        continue;
      }
      if (this.#heldBytes > 0) {
        at = run = this.#continueHeld(chunk, at);
        continue;
      }
      const bytes = this.#judge(chunk, at, chunk.length - at);
      if (bytes === 0) {
        // Not enough to judge by, or nothing that may pass.
        if (at > run) this.#handler.pass(chunk.subarray(run, at));
        if (this.violation === null) {
          this.#held.set(chunk.subarray(at));
          this.#heldBytes = chunk.length - at;
        }
        return this.violation;
      }
      if (isControl(chunk[at]!)) {
        if (at > run) this.#handler.pass(chunk.subarray(run, at));
        if (!this.#control(chunk, at, bytes) || this.violation) run = at + bytes;
        else run = at;
      }
      at += bytes;
    }
    if (at > run) this.#handler.pass(chunk.subarray(run, at));
    return this.violation;
  }

  /** Adds to what is held, byte by byte at most as far as needed. Returns how far the chunk is used. */
  #continueHeld(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length) {
      this.#held[this.#heldBytes++] = chunk[at++]!;
      const bytes = this.#judge(this.#held, 0, this.#heldBytes);
      if (this.violation) break;
      if (bytes === 0) continue;
      this.#heldBytes = 0;
      const isWanted = !isControl(this.#held[0]!) || this.#control(this.#held, 0, bytes);
      if (isWanted && !this.violation) this.#handler.pass(this.#held.slice(0, bytes));
      break;
    }
    return at;
  }

  /**
   * Reads the header at a place. Returns the bytes that are fit to pass: a data frame's header or a whole control frame; 0
   * when there are too few to tell, or with a violation.
   */
  #judge(bytes: Uint8Array, at: number, available: number): number {
    const first = bytes[at]!;
    const opcode = first & 0x0f;
    const wrong = this.#firstByteWrong(first, opcode);
    if (wrong !== null) return this.#violate(1002, wrong);
    if (available < 2) return 0;
    const second = bytes[at + 1]!;
    if (second >= 0x80 !== this.#settings.masked)
      return this.#violate(1002, this.#settings.masked ? 'a frame is not masked' : 'a frame is masked');
    const short = second & 0x7f;
    if (opcode >= 8 && short > maxControlBytes) return this.#violate(1002, 'a control frame is too long');
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
    const headerBytes = 2 + lengthBytes + (this.#settings.masked ? 4 : 0);
    if (available < 2 + lengthBytes) return 0;
    const length = this.#lengthAt(bytes, at + 2, short);
    if (length < 0) return 0;
    if (opcode >= 8) return available < headerBytes + length ? 0 : headerBytes + length;
    const { maxMessageBytes } = this.#settings;
    const before = opcode === opcodes.continuation ? this.#messageBytes : 0;
    if (maxMessageBytes > 0 && before + length > maxMessageBytes)
      return this.#violate(1009, `a message is larger than ${maxMessageBytes} bytes`);
    if (available < headerBytes) return 0;
    return this.#beginFrame({ first, opcode, length }) ? headerBytes : 0;
  }

  #firstByteWrong(first: number, opcode: number): string | null {
    const reserved = first & 0x70;
    const mayCompress = this.#settings.rsv1 && (opcode === opcodes.text || opcode === opcodes.binary);
    if (reserved !== 0 && !(reserved === 0x40 && mayCompress)) return 'a reserved bit is set';
    if (opcode > 10 || (opcode > 2 && opcode < 8)) return 'an opcode is not known';
    if (opcode >= 8) return first & 0x80 ? null : 'a control frame is fragmented';
    if (opcode === opcodes.continuation) return this.#inMessage ? null : 'there is nothing to continue';
    return this.#inMessage ? 'a message begins within another' : null;
  }

  /** -1 with a violation. §5.2: the shortest form must be used, and the highest bit must be 0. */
  #lengthAt(bytes: Uint8Array, at: number, short: number): number {
    if (short < 126) return short;
    if (short === 126) {
      const length = bytes[at]! * 256 + bytes[at + 1]!;
      if (length < 126) this.#violate(1002, 'a length is not in its shortest form');
      return length < 126 ? -1 : length;
    }
    let length = 0;
    for (let i = 0; i < 8; i++) length = length * 256 + bytes[at + i]!;
    if (bytes[at]! >= 0x80) this.#violate(1002, 'the highest bit of a length is set');
    else if (length < 65_536) this.#violate(1002, 'a length is not in its shortest form');
    else if (length > Number.MAX_SAFE_INTEGER) this.#violate(1009, 'a frame is larger than can be counted');
    return this.violation ? -1 : length;
  }

  #beginFrame({ first, opcode, length }: { first: number; opcode: number; length: number }): boolean {
    if (opcode !== opcodes.continuation) {
      this.#messageBytes = 0;
      this.#fragments = 0;
    }
    if (++this.#fragments > maxFragments) {
      this.#violate(1008, `a message has more than ${maxFragments} fragments`);
      return false;
    }
    this.#inMessage = true;
    this.#isLastFrame = first >= 0x80;
    this.#messageBytes += length;
    this.bytes += length;
    this.#payloadLeft = length;
    if (length === 0) this.#frameEnded();
    return true;
  }

  #frameEnded(): void {
    if (!this.#isLastFrame) return;
    this.#inMessage = false;
    this.messages++;
  }

  #control(bytes: Uint8Array, at: number, length: number): boolean {
    if (++this.#controlFrames > this.#settings.maxControlFrames) {
      this.#violate(1008, 'too many control frames came');
      return false;
    }
    const opcode = bytes[at]! & 0x0f;
    const payload = unmasked(bytes, at, { length, masked: this.#settings.masked });
    if (opcode === opcodes.close) {
      if (!isValidClose(payload)) {
        this.#violate(1002, 'a close frame is not valid');
        return false;
      }
      this.closeCode = closeCodeOf(payload);
    }
    return this.#handler.control(opcode, payload);
  }

  #violate(code: number, reason: string): 0 {
    this.violation = { code, reason };
    return 0;
  }
}

const isControl = (first: number) => (first & 0x08) !== 0;

/** The payload of a control frame. */
function unmasked(
  bytes: Uint8Array,
  at: number,
  { length, masked }: { length: number; masked: boolean },
): Uint8Array {
  // A copy in any case: a Buffer's own `slice` would be the bytes that pass.
  const payload = new Uint8Array(bytes.subarray(at + (masked ? 6 : 2), at + length));
  if (masked) for (let i = 0; i < payload.length; i++) payload[i]! ^= bytes[at + 2 + (i & 3)]!;
  return payload;
}
