import type { OperationType } from './document.ts';
import type { Measures } from './measure.ts';

/** What an exchange of a GraphQL route asks for: one operation, or those of a batch. */
export interface GraphqlCall {
  readonly operations: readonly AskedOperation[];
  /** Of all of them. */
  readonly cost: number;
}

export interface AskedOperation {
  /** Null where the document is known to the server alone. */
  readonly type: OperationType | null;
  readonly name: string | null;
  /** Null as `type` is. */
  readonly measures: Measures | null;
  /** Of its document; 0 where that is not known. */
  readonly tokens: number;
  /** Variables that it declares, or values that came for them, whatever they are in: the larger figure. */
  readonly variables: number;
  /** Is its document on the route's list? */
  readonly listed: boolean;
  /** It was named, and its text did not come. */
  readonly byId: boolean;
}

/** Values in a JSON value, itself among them. */
export function countValues(root: unknown): number {
  let count = 0;
  const open = [root];
  while (open.length > 0) {
    const value = open.pop();
    count++;
    if (typeof value === 'object' && value !== null)
      for (const member of Object.values(value)) open.push(member);
  }
  return count;
}
