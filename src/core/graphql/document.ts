/** An executable document, as far as it must be known to say what it asks for. */

export type OperationType = 'query' | 'mutation' | 'subscription';

/** A value that an argument has. Strings, booleans, enums and null are of no interest but for their being there. */
export type DocumentValue =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'list'; readonly length: number }
  | { readonly kind: 'other' };

export interface FieldNode {
  readonly kind: 'field';
  readonly name: string;
  readonly aliased: boolean;
  /** Null where there are none. Of an argument that comes twice both. */
  readonly arguments: readonly (readonly [string, DocumentValue])[] | null;
  readonly directives: number;
  readonly selections: readonly Selection[] | null;
}

export interface SpreadNode {
  readonly kind: 'spread';
  readonly name: string;
  readonly directives: number;
}

export interface InlineNode {
  readonly kind: 'inline';
  /** Null: of the type it stands in. */
  readonly on: string | null;
  readonly directives: number;
  readonly selections: readonly Selection[];
}

export type Selection = FieldNode | SpreadNode | InlineNode;

export interface OperationNode {
  readonly type: OperationType;
  readonly name: string | null;
  /** Variables that it declares, with the numbers that some have where none is sent. */
  readonly variables: ReadonlyMap<string, number | null>;
  /** With those of its variables. */
  readonly directives: number;
  readonly selections: readonly Selection[];
}

export interface FragmentNode {
  readonly on: string;
  readonly directives: number;
  readonly selections: readonly Selection[];
}

export interface GraphqlDocument {
  readonly operations: readonly OperationNode[];
  readonly fragments: ReadonlyMap<string, FragmentNode>;
  readonly tokens: number;
}
