import { hideCredential } from '#core/hide-credential.ts';
import type { JsonObject } from '#core/call.ts';
import type { Dialect } from '#core/contracts/dialect.ts';
import type { HeaderList } from '#core/head.ts';
import { Fault } from '#core/fault.ts';
import { isObject } from '#core/read-json.ts';
import type { Provider } from '#core/target.ts';
import type { Gateway } from '../gateway.ts';

const maxDocumentBytes = 64 * 1024 * 1024;
const maxErrorBytes = 256 * 1024;

/** What the gateway itself wants to know of something that a provider keeps. */
export interface KeptQuestion {
  readonly dialect: Dialect;
  readonly provider: Provider;
  /** Below the provider's base URL. */
  readonly path: string;
  /** Id of the exchange for which it is asked. */
  readonly exchange: string;
}

/** The document as it stands; null where the provider cannot say now. */
export async function fetchDocument(
  gateway: Gateway,
  question: KeptQuestion,
): Promise<{ readonly status: number; readonly document: JsonObject | null }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    await fetchKept(gateway, question, (chunk) => {
      bytes += chunk.length;
      if (bytes > maxDocumentBytes) throw tooLarge();
      chunks.push(Buffer.from(chunk));
    });
  } catch (error) {
    return { status: error instanceof Fault ? error.status : 0, document: null };
  }
  return { status: 200, document: objectIn(Buffer.concat(chunks)) };
}

/**
 * Reads a text line by line, without those that are empty; no more than one is held.
 * @throws Fault of the provider, and whatever `onLine` throws.
 */
export async function fetchLines(
  gateway: Gateway,
  question: KeptQuestion,
  onLine: (line: Buffer) => void,
): Promise<void> {
  let held: Buffer[] = [];
  let bytes = 0;
  const give = (rest: Buffer): void => {
    const line = held.length === 0 ? rest : Buffer.concat([...held, rest]);
    held = [];
    bytes = 0;
    if (line.toString('latin1').trim() !== '') onLine(line);
  };
  await fetchKept(gateway, question, (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      give(chunk.subarray(start, end));
      start = end + 1;
    }
    bytes += chunk.length - start;
    if (bytes > maxDocumentBytes) throw tooLarge();
    if (start < chunk.length) held.push(Buffer.from(chunk.subarray(start)));
  });
  give(Buffer.alloc(0));
}

export function objectIn(body: Buffer): JsonObject | null {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

const tooLarge = (): Fault =>
  new Fault('upstream/malformed-answer', 'What the upstream keeps is larger than such a thing can be.');

/** @throws Fault of the provider, and whatever `onData` throws. */
async function fetchKept(
  gateway: Gateway,
  { dialect, provider, path, exchange }: KeptQuestion,
  onData: (chunk: Buffer) => void,
): Promise<void> {
  const endpoint = gateway.endpoint(provider);
  const own = [...endpoint.headers, ...dialect.provider.headers([])];
  const request = {
    origin: endpoint.origin,
    method: 'GET',
    path: endpoint.pathPrefix + path,
    headers: [...own, 'accept', '*/*', 'accept-encoding', 'identity', 'x-sluice-exchange', exchange],
    body: null,
    timeouts: provider.timeouts,
    idempotent: true,
    upgrade: null,
  };
  const signed = endpoint.sign ? await endpoint.sign(request) : request;
  await new Promise<void>((resolve, reject) => {
    let status = 0;
    let headers: HeaderList = [];
    let errorBytes = 0;
    const errors: Buffer[] = [];
    const call = endpoint.upstream.start(signed, {
      onHead(came, list) {
        status = came;
        headers = list;
      },
      onData(chunk) {
        try {
          if (status < 300) return onData(chunk);
          errorBytes += chunk.length;
          if (errorBytes <= maxErrorBytes) errors.push(Buffer.from(chunk));
        } catch (error) {
          call.cancel();
          reject(error as Error);
        }
      },
      onEnd() {
        if (status < 300) resolve();
        else
          reject(
            dialect.provider.parseFault(status, headers, hideCredential(provider, Buffer.concat(errors))),
          );
      },
      onFault: reject,
    });
  });
}
