import type { Socket } from 'node:net';

/** As much as one read of an upstream brings, with a chunk's framing around it. */
const roomBytes = 64 * 1024 + 64;
const cr = 0x0d;
const lf = 0x0a;

/**
 * Where bytes are put together on their way out, so that whoever gave them may use theirs again at once. A plain socket
 * mostly hands a write to the system before it returns: then the room is free again, and nothing was allocated.
 */
export class WriteRoom {
  #room = Buffer.allocUnsafeSlow(roomBytes);

  /** A head (latin1) and a short body in one piece. */
  joined(socket: Socket, head: string, body: Buffer | string, bytes: number): boolean {
    const room = this.#take(socket, head.length + bytes);
    room.write(head, 'latin1');
    put(room, head.length, body, bytes);
    return this.#send(socket, room, head.length + bytes);
  }

  /** One chunk of a chunked body (RFC 9112 §7.1). */
  chunk(socket: Socket, body: Buffer | string, bytes: number): boolean {
    const size = `${bytes.toString(16)}\r\n`;
    const end = size.length + bytes;
    const room = this.#take(socket, end + 2);
    room.write(size, 'latin1');
    put(room, size.length, body, bytes);
    room[end] = cr;
    room[end + 1] = lf;
    return this.#send(socket, room, end + 2);
  }

  plain(socket: Socket, body: Buffer | string, bytes: number): boolean {
    const room = this.#take(socket, bytes);
    put(room, 0, body, bytes);
    return this.#send(socket, room, bytes);
  }

  /** A socket that has bytes waiting keeps what it is given: it gets bytes of its own. So does one under TLS. */
  #take(socket: Socket, bytes: number): Buffer {
    const keeps =
      bytes > roomBytes || socket.writableLength > 0 || socket.writableCorked > 0 || 'encrypted' in socket;
    return keeps ? Buffer.allocUnsafe(bytes) : this.#room;
  }

  #send(socket: Socket, room: Buffer, bytes: number): boolean {
    const goesOn = socket.write(room.length === bytes ? room : room.subarray(0, bytes));
    // The system did not take it all: the room is the socket's until it has.
    if (room === this.#room && socket.writableLength > 0) this.#room = Buffer.allocUnsafeSlow(roomBytes);
    return goesOn;
  }
}

function put(room: Buffer, at: number, body: Buffer | string, bytes: number): void {
  if (typeof body === 'string') room.write(body, at, bytes, 'utf8');
  else body.copy(room, at, 0, bytes);
}
