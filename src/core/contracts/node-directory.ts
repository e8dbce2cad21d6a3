/** What a node says of itself, again and again. */
export interface NodeReport {
  readonly id: string;
  readonly name: string;
  /** `member`: shares the stores; `edge`: has joined over HTTP. */
  readonly kind: 'member' | 'edge';
  /** Of the program. */
  readonly version: string;
  readonly startedAtMs: number;
  readonly ready: boolean;
  /** Of the configuration in force; 0: none yet. */
  readonly configVersion: number;
  /** Why it keeps an older one; null: it does not. */
  readonly refusal: string | null;
  /** Segments of its journal that are not on the books yet. */
  readonly lagSegments: number;
}

export interface NodeView extends NodeReport {
  /** By the store's time. */
  readonly seenAtMs: number;
  readonly ageMs: number;
}

/** What lets one edge node join: a token, of which only the hash is kept. */
export interface Invitation {
  readonly id: string;
  readonly name: string;
  readonly madeAtMs: number;
  /** Null: never. */
  readonly expiresAtMs: number | null;
  readonly revoked: boolean;
  /** Percent of every limit that the node gives out by itself. */
  readonly leasePercent: number;
  /** The node that it belongs to since it was first used; null: nobody's yet. */
  readonly nodeId: string | null;
}

/** The nodes of a gateway. Every call rejects when the store cannot be reached. */
export interface NodeDirectory {
  report(report: NodeReport): Promise<void>;
  list(): Promise<readonly NodeView[]>;
  invite(
    wish: Pick<Invitation, 'id' | 'name' | 'expiresAtMs' | 'leasePercent'>,
    tokenSha256: string,
  ): Promise<void>;
  invitations(): Promise<readonly Invitation[]>;
  /** False: there is no such invitation. */
  revoke(id: string): Promise<boolean>;
  /**
   * The invitation of a token that `nodeId` may use, which is the node's from now on. Null: the token is unknown, revoked,
   * expired or another node's.
   */
  admit(tokenSha256: string, nodeId: string): Promise<Invitation | null>;
}
