import { hostname } from 'node:os';
import type { EdgeControl, GatewayStatus, NodeControl } from '#core/contracts/control-plane.ts';
import type { EdgeReport } from '#core/contracts/edge.ts';
import type { NodeDirectory, NodeReport } from '#core/contracts/node-directory.ts';
import type { KeyDelta } from '#core/key.ts';
import { EdgeDesk } from '#nodes/edge-desk.ts';
import { KeyFeed } from '#nodes/key-feed.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';
import type { KeyMaster } from '#storage/key-master.ts';
import { randomBase62 } from '#storage/embedded/random-secret.ts';
import { openNodeDirectory } from '#storage/records/node-directory.ts';
import type { SqlDatabase } from '#storage/records/sql-database.ts';
import { createEdgeControl, createNodeControl } from './node-control.ts';
import { ReceivedSegments } from './received-segments.ts';
import type { Reloader } from './reloader.ts';
import { sharedOfDocument } from './shared-of-document.ts';

export interface NodeDeskParts {
  readonly records: SqlDatabase;
  readonly stateDirectory: string;
  readonly ledger: Ledger;
  readonly keys: KeyMaster;
  readonly reloader: Reloader;
  /** Has this node joined a control plane itself? */
  readonly isEdge: boolean;
  status(): GatewayStatus;
}

const reportEveryMs = 5_000;

/** This node among others: what it says of itself, and what it is to edge nodes. */
export class NodeDesk {
  readonly nodes: NodeControl;
  readonly edges: EdgeControl;
  readonly #parts: NodeDeskParts;
  readonly #desk: EdgeDesk;
  readonly #feed: KeyFeed;
  readonly #directory: NodeDirectory;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: NodeDeskParts) {
    const { records, keys, reloader, ledger, stateDirectory, isEdge } = parts;
    this.#parts = parts;
    const directory = openNodeDirectory(records);
    this.#directory = directory;
    this.#feed = new KeyFeed(randomBase62(12), () => {
      const delta = keys.reset();
      return delta.type === 'reset' ? delta.keys.filter(({ master }) => master === 'store') : [];
    });
    let last: { of: unknown; shared: ReturnType<typeof sharedOfDocument> } | null = null;
    this.#desk = new EdgeDesk({
      keys: this.#feed,
      document() {
        const { current } = reloader;
        if (last?.of !== current) last = { of: current, shared: sharedOfDocument(current) };
        return last.shared;
      },
    });
    const received = new ReceivedSegments(stateDirectory, ledger);
    const nodes = createNodeControl({ directory, desk: this.#desk, isEdge });
    this.nodes = {
      ...nodes,
      // What it says of itself is as new as can be.
      list: async () => {
        await this.#report();
        return nodes.list();
      },
    };
    this.edges = createEdgeControl({
      directory,
      desk: this.#desk,
      receive: (node, segment) => received.take(node, segment),
      giveUp: (node, dead) => received.giveUp(node, dead),
    });
  }

  /** Where there are others to tell, they are told again and again that this node is there. */
  start(): void {
    if (this.#parts.records.kind !== 'postgres') return;
    const tell = () => void this.#report().catch(() => undefined);
    this.#timer = setInterval(tell, reportEveryMs);
    this.#timer.unref();
    tell();
  }

  /** Every thread acts upon it. */
  keysChanged(delta: KeyDelta): void {
    this.#feed.push(delta);
    this.#desk.wake();
  }

  documentChanged(): void {
    this.#desk.wake();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#desk.close();
  }

  async #report(): Promise<void> {
    await this.#directory.report(reportOf(this.#parts.status(), this.#parts.isEdge ? 'edge' : 'member'));
  }
}

/** What an edge says of itself to its control plane, short of what it still has to send. */
export function edgeReportOf(status: GatewayStatus): Omit<EdgeReport, 'lagSegments'> {
  const { id: _id, kind: _kind, lagSegments: _lag, ...report } = reportOf(status, 'edge');
  return report;
}

function reportOf(status: GatewayStatus, kind: NodeReport['kind']): NodeReport {
  const { nodeId, version, startedAtMs, ready, configuration, snapshotVersion, ledger } = status;
  return {
    id: nodeId,
    name: hostname(),
    kind,
    version,
    startedAtMs,
    ready,
    configVersion: configuration.storedVersion ?? snapshotVersion,
    refusal: configuration.refused?.reason ?? null,
    lagSegments: ledger.lagSegments,
  };
}
