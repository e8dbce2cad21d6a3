/**
 * Whose word counts: the `file`'s; the `environment`'s, of a start without a file; the `store`'s in the state directory, once
 * something was applied to such a start; the `cluster`'s, in PostgreSQL; a `control-plane`'s, which this node has joined.
 */
export type ConfigMasterKind = 'file' | 'environment' | 'store' | 'cluster' | 'control-plane';

export interface ConfigDifference {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed' | 'moved';
  readonly before: unknown;
  readonly after: unknown;
}
