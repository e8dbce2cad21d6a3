/** AWS's own signer. Its declarations do not stand beside its code: this names both. */
import { createRequire } from 'node:module';
import { createHash, createHmac } from 'node:crypto';

type Package = typeof import('../clients/node_modules/@smithy/signature-v4/dist-types/index.d.ts');
const load = createRequire(new URL('../clients/package.json', import.meta.url));
const { SignatureV4 } = load('@smithy/signature-v4') as Package;

/** As the signer wants it: SHA-256, or with a secret its HMAC. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }
  reset(): void {
    throw new Error('not needed');
  }
}

export interface ToSign {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string | string[]>;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string;
}

/** All headers of the request as AWS's signer completes them. */
export async function signByAws(
  request: ToSign,
  by: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken: string | null;
    readonly region: string;
    readonly service: string;
    readonly atMs: number;
    readonly unsigned: ReadonlySet<string>;
  },
): Promise<Record<string, string>> {
  const { accessKeyId, secretAccessKey, sessionToken, region, service, atMs, unsigned } = by;
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }) },
    region,
    service,
    sha256: Sha256 as never,
  });
  const signed = await signer.sign(
    { ...request, protocol: 'https:', hostname: request.headers['host']! } as never,
    { signingDate: new Date(atMs), unsignableHeaders: new Set(unsigned) },
  );
  return (signed as unknown as { headers: Record<string, string> }).headers;
}
