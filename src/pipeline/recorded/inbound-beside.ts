import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySource, RawSocket } from '#core/contracts/upstream.ts';
import type { HeaderList, RequestHead } from '#core/head.ts';

/** Stands in front of a server's inbound, and passes everything on: a part of it can be done otherwise. */
export class InboundBeside implements Inbound {
  protected readonly inner: Inbound;

  constructor(inner: Inbound) {
    this.inner = inner;
  }

  get head(): RequestHead {
    return this.inner.head;
  }
  get body(): BodySource {
    return this.inner.body;
  }
  get begun(): boolean {
    return this.inner.begun;
  }
  get gone(): boolean {
    return this.inner.gone;
  }
  get bytesOut(): number {
    return this.inner.bytesOut;
  }

  readBody(limitBytes: number): Promise<Buffer> {
    return this.inner.readBody(limitBytes);
  }

  onGone(listener: () => void): void {
    this.inner.onGone(listener);
  }

  interim(status: number, headers: HeaderList): void {
    this.inner.interim(status, headers);
  }

  respond(status: number, headers: HeaderList, body: Buffer | string | null): void {
    this.inner.respond(status, headers, body);
  }

  begin(status: number, headers: HeaderList): void {
    this.inner.begin(status, headers);
  }

  write(chunk: Buffer | string): boolean {
    return this.inner.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.inner.onDrain(listener);
  }

  end(complete?: boolean, trailers?: HeaderList): void {
    this.inner.end(complete, trailers);
  }

  upgrade(headers: HeaderList): { readonly socket: RawSocket; readonly firstBytes: Buffer } | null {
    return this.inner.upgrade(headers);
  }
}
