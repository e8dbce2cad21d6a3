import type { Inbound } from '#core/contracts/inbound.ts';
import type { BodySink, BodySource } from '#core/contracts/upstream.ts';
import { Fault } from '#core/fault.ts';
import { bodyLimit } from '../body-limit.ts';
import type { Passage } from '../passage.ts';
import { unpackBody } from '../plain-body.ts';
import { closed } from '../admit.ts';
import { digests } from '../rewrite-answer.ts';
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
  exchange.requestBytes = bytes.length;
  const sent = route.rewriteBody.length > 0 ? await rewritten(passage, bytes) : bytes;
  passage.body = sent;
  exchange.inbound = new ReadInbound(exchange.inbound, sent);
}

/** What policies make of a body; as it came where they leave it. Its coding and what it hashed to go with it. */
async function rewritten({ exchange, route }: Passage, came: Buffer): Promise<Buffer> {
  const plain = await unpackBody(exchange, came, bodyLimit({ exchange, route }));
  let body = plain;
  for (const policy of route.rewriteBody) {
    try {
      body = policy.rewriteBody!(exchange, body) ?? body;
    } catch (thrown) {
      throw closed(policy, thrown);
    }
  }
  if (body === plain) return came;
  exchange.rewritten = true;
  exchange.consumedHeaders.push('content-encoding', ...digests);
  return body;
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
