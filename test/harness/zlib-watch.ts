import type { Transform } from 'node:stream';
import { createGzip } from 'node:zlib';

/** Streams of node:zlib that were written to in this process since the watch began, and are not destroyed. */
export function watchZlib(): { readonly seen: number; readonly open: number; stop(): void } {
  const probe = createGzip();
  // Gzip → Zlib → ZlibBase, which all of them share.
  const base = Object.getPrototypeOf(Object.getPrototypeOf(Object.getPrototypeOf(probe))) as Transform;
  probe.destroy();
  const write = base._transform;
  const seen = new Set<Transform>();
  base._transform = function (this: Transform, ...args: Parameters<Transform['_transform']>) {
    seen.add(this);
    write.apply(this, args);
  };
  return {
    get seen() {
      return seen.size;
    },
    get open() {
      return [...seen].filter((stream) => !stream.destroyed).length;
    },
    stop() {
      base._transform = write;
    },
  };
}
