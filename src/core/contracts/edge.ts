import type { KeyRecord } from '../key.ts';
import type { NodeReport } from './node-directory.ts';

/**
 * What an edge node and its control plane say to each other: below `/v1/nodes/self` of the admin port, the node's token
 * as bearer and its id in `x-sluice-node`.
 */

export const nodeHeader = 'x-sluice-node';

/** What an edge has already. */
export interface EdgeCursor {
  /** Digest of its document; empty: none. */
  readonly digest: string;
  /** Of the control plane's process: numbers of keys go on only within one. */
  readonly epoch: string;
  readonly sequence: number;
}

/** What is new since then. */
export interface EdgeChanges {
  /** Null: it is the same. */
  readonly document: EdgeDocument | null;
  /** Null: they are the same. */
  readonly keys: EdgeKeys | null;
  /** Percent of every limit that the edge gives out by itself. */
  readonly leasePercent: number;
}

/** The document that the edge shares, without what is said of the control plane's own start, and without secrets. */
export interface EdgeDocument {
  readonly text: string;
  readonly digest: string;
  readonly version: number;
}

/** Keys made at run time, as hashes; those of the document each node reads there. */
export interface EdgeKeys {
  readonly epoch: string;
  readonly sequence: number;
  /** All of them; null: `steps` lead there from the edge's sequence. */
  readonly all: readonly KeyRecord[] | null;
  readonly steps: readonly EdgeKeyStep[];
}

export type EdgeKeyStep =
  { readonly type: 'put'; readonly key: KeyRecord } | { readonly type: 'revoke'; readonly sha256: string };

export type EdgeReport = Omit<NodeReport, 'id' | 'kind'>;

/** Whose open exchanges nobody will settle at the edge any more: one life of a worker, or all before the segments that follow. */
export type EdgeDead = { readonly worker: number; readonly incarnation: string } | { readonly all: true };
