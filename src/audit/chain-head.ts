import { createHmac, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { renderCanonical } from './canonical-json.ts';

/** How far the chain has come, sealed: what is cut off its end is found by it. */
export interface ChainHead {
  readonly segment: number;
  /** Bytes of the segment. */
  readonly bytes: number;
  readonly sequence: number;
  readonly hash: string;
}

const name = 'head';

const macOf = (secret: Uint8Array, head: ChainHead): Buffer =>
  createHmac('sha256', secret)
    .update(`sluice audit head ${renderCanonical(head)}`)
    .digest();

/** Whole or not at all. The segment's bytes are on the disk before. */
export function writeHead(folder: string, head: ChainHead, secret: Uint8Array): void {
  const path = join(folder, name);
  const draft = `${path}.new`;
  const text = renderCanonical({ ...head, mac: macOf(secret, head).toString('hex') });
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, `${text}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

/** `forged`: it is there, and was not sealed with this secret. */
export function readHead(folder: string, secret: Uint8Array): ChainHead | 'none' | 'forged' {
  let text: string;
  try {
    text = readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw error;
  }
  try {
    const { segment, bytes, sequence, hash, mac } = JSON.parse(text) as ChainHead & { readonly mac: string };
    const head = { segment, bytes, sequence, hash };
    const sealed = macOf(secret, head);
    const found = Buffer.from(mac, 'hex');
    // Nothing but what was written: not a byte more.
    const isWhole = text === `${renderCanonical({ ...head, mac: sealed.toString('hex') })}\n`;
    return isWhole && found.length === sealed.length && timingSafeEqual(found, sealed) ? head : 'forged';
  } catch {
    return 'forged';
  }
}
