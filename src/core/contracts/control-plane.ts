import type { CheckReport } from '../active-health.ts';
import type { AuditControl } from './audit.ts';
import type { CalibrationRow } from '../calibration.ts';
import type { DiscoveryReport } from '../discovery.ts';
import type { KeyRecord } from '../key.ts';
import type { LiveFigures } from '../live-figures.ts';
import type { AccessControl } from './access-control.ts';
import type { ConfigDifference, ConfigMasterKind } from '../config-difference.ts';
import type { ConfigVersion, ConfigVersionLine } from './config-store.ts';
import type { EdgeChanges, EdgeCursor, EdgeDead, EdgeReport } from './edge.ts';
import type { Invitation, NodeView } from './node-directory.ts';
import type { ResourceControl } from './resource-control.ts';
import type { PoolReport } from './pool-control.ts';

export type { ConfigDifference, ConfigMasterKind } from '../config-difference.ts';

/** What the admin API, and so the console and the command line, may ask of the control plane. */
export interface ControlPlane {
  status(): GatewayStatus;
  /** Prometheus text exposition over all threads, in the format that a scraper's Accept asks for. */
  metrics(accept: string | undefined): Promise<{ readonly contentType: string; readonly text: string }>;
  /** What the threads have counted since they began. */
  live(): Promise<LiveFigures>;
  /** Groups of upstreams that are discovered or checked, and how that fares. */
  discovery(): readonly DiscoveryView[];
  /** What estimates go by, model by model. */
  calibration(): readonly CalibrationRow[];
  upstreams: {
    list(): readonly PoolReport[];
    /** By the operator. Until a restart. @throws ControlError when there is no such member. */
    drain(wish: { readonly group: string; readonly member: string; readonly drained: boolean }): void;
  };
  /** Of a project; null: there is none of that name. */
  teamOf(project: string): string | null;
  keys: {
    list(): KeyView[];
    /** The secret is given this once. @throws ControlError */
    create(wish: {
      readonly name: string;
      readonly project: string;
      readonly models?: readonly string[] | null;
      readonly expiresAtMs?: number | null;
      readonly groups?: readonly string[];
    }): Promise<{
      readonly key: KeyView;
      readonly secret: string;
    }>;
    /** What is absent stays. In force on every thread when it resolves. @throws ControlError */
    change(
      id: string,
      change: Partial<Pick<KeyRecord, 'name' | 'models' | 'expiresAtMs' | 'groups'>>,
    ): Promise<KeyView>;
    /** Another secret, given this once; the one before stays in force for as long as is said. @throws ControlError */
    rotate(id: string, overlapMs: number): Promise<{ readonly key: KeyView; readonly secret: string }>;
    /** Resolves when every thread refuses the key. @throws ControlError */
    revoke(id: string): Promise<void>;
  };
  config: ConfigControl;
  resources: ResourceControl;
  nodes: NodeControl;
  edges: EdgeControl;
  explain(request: {
    readonly method: string;
    readonly url: string;
    readonly headers: readonly string[];
    readonly model: string | null;
    /** Address of the client; null: this machine's. */
    readonly client?: string | null;
    /** Of a GraphQL request, or of a call whose model it names. */
    readonly body?: string | null;
  }): unknown;
  access: AccessControl;
  events: EventControl;
  audit: AuditControl;
  usage(query: UsageQuery): Promise<readonly Record<string, unknown>[]>;
  /** Prices receipts of the past anew, and books the difference. @throws ControlError */
  rerate(wish: RerateRequest): Promise<RerateReport>;
  receipt(id: string): Promise<Record<string, unknown> | null>;
  /** A part of the books is looked through: a page may be short, or empty, and more follow. */
  receipts(query: ReceiptQuery): Promise<{
    readonly receipts: readonly ReceiptSummary[];
    /** What the next page comes before; null: this is the last. */
    readonly next: number | null;
  }>;
  verify(): Promise<{
    readonly clean: boolean;
    readonly findings: readonly string[];
    readonly checked: Record<string, number>;
  }>;
}

export interface ConfigControl {
  /** The document in force as it was written, secrets as references, never as values. */
  read(): {
    readonly text: string;
    readonly digest: string;
    /** Counts what was in force in this process. */
    readonly version: number;
    readonly master: ConfigMasterKind;
    /** Of the node's own file. */
    readonly path: string | null;
    /** Number of the document among those kept by its master, 0 before the first; null: they are not numbered. */
    readonly storedVersion: number | null;
  };
  /** Validates a document without using it. Empty: it is good. */
  check(text: string): readonly ConfigFinding[];
  /** What would change if it were applied. @throws ControlError 400 when it is no YAML. */
  diff(text: string): readonly ConfigDifference[];
  /**
   * Makes it the version after `after`, checked as a whole before. Resolves when this node has it in force, or says why not.
   * @throws ControlError 400, 409 (another is the master), 412 (it is not after the latest), 503.
   */
  apply(wish: {
    readonly text: string;
    readonly after: number;
    readonly comment: string;
    /** Who applies it, for people to read. */
    readonly author: string;
  }): Promise<ConfigVersionLine & { readonly refusal: string | null }>;
  /** The latest first, from before one of them on. @throws ControlError 409 where versions are not kept, 503. */
  versions(limit: number, before: number | null): Promise<readonly ConfigVersionLine[]>;
  /** @throws ControlError 404, 409, 503. */
  readVersion(version: number): Promise<ConfigVersion>;
}

/** The nodes of this gateway. Every call rejects with ControlError 503 when their directory cannot be asked. */
export interface NodeControl {
  list(): Promise<readonly NodeView[]>;
  invitations(): Promise<readonly Invitation[]>;
  /** The token is given this once. @throws ControlError 409 when this node has joined another itself. */
  invite(wish: {
    readonly name: string;
    readonly expiresAtMs?: number | null;
    readonly leasePercent?: number;
  }): Promise<{ readonly invitation: Invitation; readonly token: string }>;
  /** Nobody is let in by it any more. @throws ControlError 404. */
  revoke(id: string): Promise<void>;
}

/** What edge nodes ask, each by its own token. */
export interface EdgeControl {
  /** Null: this token does not let this node in. @throws ControlError 503. */
  admit(token: string, nodeId: string): Promise<Invitation | null>;
  /** @throws ControlError 409 when the document in force cannot be shared. */
  changes(
    edge: Invitation,
    ask: { readonly cursor: EdgeCursor; readonly waitMs: number; readonly signal: AbortSignal },
  ): Promise<EdgeChanges>;
  report(edge: Invitation, report: EdgeReport): Promise<void>;
  /** Resolves when the segment is on the books. @throws ControlError 400, 503. */
  receive(edge: Invitation, segment: { readonly name: string; readonly bytes: Uint8Array }): Promise<void>;
  /** Resolves when what the dead left open is settled. @throws ControlError 503. */
  giveUp(edge: Invitation, dead: EdgeDead): Promise<void>;
}

export interface ConfigFinding {
  readonly path: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export interface EventControl {
  webhooks(): Promise<readonly WebhookView[]>;
  /** Delivers again to one that was stopped. @throws ControlError */
  resume(webhook: string): Promise<void>;
  /** Events that were given up, of one webhook or of all; the latest first. */
  letters(webhook: string | null): Promise<readonly Record<string, unknown>[]>;
  /** Sends one once more. @throws ControlError when it is not taken: then it stays. */
  redeliver(id: number): Promise<void>;
  /** @throws ControlError */
  discard(id: number): Promise<void>;
}

export interface WebhookView {
  readonly webhook: string;
  readonly host: string;
  /** Does this node deliver to it? */
  readonly mine: boolean;
  /** Why nothing is delivered any more; null: it is. */
  readonly stopped: string | null;
  /** Why the last try failed; null: it did not. */
  readonly failing: string | null;
  /** Entries of the books that it has not got yet, or has no use for. */
  readonly behind: number;
  /** Subjects whose events wait for one that is not taken. */
  readonly held: readonly string[];
  readonly deadLetters: number;
  /** Requests of this node that were taken, and that were not, since its start. */
  readonly taken: number;
  readonly failed: number;
}

export interface RerateRequest {
  /** Times of admission: from, included, to, excluded; null: all. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** In the provider's words; null: all. */
  readonly model: string | null;
  /** Of a price, in place of the one in force when an attempt began; only models that have it are priced anew. */
  readonly version: string | null;
  /** Says what would be, and changes nothing. */
  readonly dryRun: boolean;
}

export interface RerateReport {
  readonly dryRun: boolean;
  readonly examined: number;
  readonly corrected: number;
  /** What is owed more than before, or less: decimals. */
  readonly difference: readonly {
    readonly currency: string;
    readonly cost: string;
    readonly price: string;
  }[];
}

export interface DiscoveryView {
  readonly group: string;
  /** Ids. */
  readonly members: readonly string[];
  /** Null: the members are configured. */
  readonly discovery: DiscoveryReport | null;
  readonly checks: readonly CheckReport[];
}

export interface UsageQuery {
  readonly by: readonly (
    'key' | 'project' | 'team' | 'model' | 'provider' | 'route' | 'outcome' | 'day' | 'service'
  )[];
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly project: string | null;
  /** Of these only, besides. */
  readonly only?: Readonly<Partial<Record<'key' | 'model' | 'provider' | 'route', string>>>;
  /** Calling service. */
  readonly service?: string | null;
  /** Of one trace only, whatever its days. */
  readonly traceId?: string | null;
  /** Of these only; null: of all. */
  readonly teams?: readonly string[] | null;
}

export interface ReceiptQuery {
  /** Each of one value, or of any of several. */
  readonly where: Readonly<Partial<Record<ReceiptField, string | readonly string[]>>>;
  /** Times of admission: from, included, to, excluded; null: all. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  readonly traceId: string | null;
  readonly limit: number;
  /** Null: the latest on the books. */
  readonly before: number | null;
}

export const receiptFields = [
  'key',
  'project',
  'team',
  'service',
  'model',
  'provider',
  'route',
  'outcome',
] as const;
export type ReceiptField = (typeof receiptFields)[number];

/** A receipt in a line. */
export interface ReceiptSummary {
  readonly id: string;
  readonly admittedAtMs: number;
  readonly settledAtMs: number;
  readonly firstContentAtMs: number | null;
  readonly route: string;
  readonly outcome: string;
  readonly status: number;
  readonly fault: string | null;
  readonly key: string;
  readonly project: string;
  readonly team: string;
  /** Of the last attempt; what was asked for where there was none. */
  readonly model: string | null;
  readonly provider: string | null;
  readonly attempts: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** By currency. */
  readonly costNano: Readonly<Record<string, string>>;
}

export type KeyView = Omit<KeyRecord, 'sha256'> & {
  readonly revoked: boolean;
  /** Until then the secret before is in force, too; absent: it was never rotated. */
  readonly previousUntilMs?: number;
};

export interface GatewayStatus {
  readonly version: string;
  /** This node's among all: as in the file `node` of its state directory. */
  readonly nodeId: string;
  /** Version of Node.js. */
  readonly node: string;
  readonly startedAtMs: number;
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reasons: readonly string[];
  readonly snapshotVersion: number;
  readonly configDigest: string;
  readonly configuration: {
    readonly master: ConfigMasterKind;
    readonly storedVersion: number | null;
    /** What this node could not use and keeps the old one for. */
    readonly refused: { readonly version: number | null; readonly reason: string } | null;
    /** Why its master cannot be asked now; null: it can. */
    readonly unreachable: string | null;
  };
  readonly listen: string;
  readonly workers: readonly {
    readonly index: number;
    readonly incarnation: string;
    readonly snapshotVersion: number;
    readonly heartbeatAgeMs: number;
  }[];
  readonly ledger: { readonly lagSegments: number };
}

/** A wish of the admin API that cannot be granted. */
export class ControlError extends Error {
  readonly status: number;
  /** Members that the problem document has besides. */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(
    status: 400 | 403 | 404 | 409 | 412 | 502 | 503,
    message: string,
    members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'ControlError';
    this.status = status;
    this.members = members;
  }
}
