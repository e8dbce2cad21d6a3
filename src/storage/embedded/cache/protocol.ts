import type { RawPart, RawWhole, RawWish } from '../../sealed-cache/raw-cache.ts';

interface Held {
  readonly id: string;
  readonly holder: string;
}

export type CacheAsk =
  | { readonly type: 'claim'; readonly id: string; readonly wish: RawWish }
  | (Held & { readonly type: 'begin' })
  | (Held & { readonly type: 'put'; readonly part: RawPart })
  | (Held & { readonly type: 'finish'; readonly whole: RawWhole | null })
  | (Held & { readonly type: 'release'; readonly as: 'free' | 'lost' })
  | (Held & { readonly type: 'get' });
