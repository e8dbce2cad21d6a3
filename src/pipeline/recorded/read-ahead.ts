import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySink, BodySource } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { bodyLimit } from '../body-limit.ts';
import type { Passage } from '../passage.ts';
import { closed } from '../admit.ts';
import { InboundBeside } from './inbound-beside.ts';

/**
 * Reads the body for the policies that want it whole. Whoever is to use it later finds it as if it had just come.
 * @throws Fault as `Inbound.readBody`, and of a policy that fails.
 */
export async function readAhead(passage: Passage): Promise<void> {
  const { exchange, route } = passage;
  const isWanted = route.readsBody.some((policy) => {
    try {
      return policy.readsBody!(exchange);
    } catch (thrown) {
      throw closed(policy, thrown);
    }
  });
  if (!isWanted || exchange.head.contentLength === 0 || exchange.head.upgrade !== null) return;
  const bytes = await exchange.inbound.readBody(bodyLimit(passage));
  exchange.body = bytes;
  passage.body = bytes;
  exchange.requestBytes = bytes.length;
  exchange.inbound = new ReadInbound(exchange.inbound, bytes);
}

class ReadInbound extends InboundBeside implements BodySource {
  readonly #bytes: Buffer;

  constructor(inner: Inbound, bytes: Buffer) {
    super(inner);
    this.#bytes = bytes;
  }

  override get body(): BodySource {
    return this;
  }

  get lengthBytes(): number {
    return this.#bytes.length;
  }

  open(sink: BodySink): void {
    sink.onData(this.#bytes);
    sink.onEnd();
  }

  pause(): void {}

  resume(): void {}

  override readBody(limitBytes: number): Promise<Buffer> {
    if (this.#bytes.length <= limitBytes) return Promise.resolve(this.#bytes);
    const message = `The body is larger than the ${limitBytes} bytes this route allows.`;
    return Promise.reject(new Fault('request/body-too-large', message));
  }
}
