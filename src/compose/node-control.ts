import { hash } from 'node:crypto';
import { ControlError, type EdgeControl, type NodeControl } from '#core/contracts/control-plane.ts';
import type { EdgeDead } from '#core/contracts/edge.ts';
import type { Invitation, NodeDirectory } from '#core/contracts/node-directory.ts';
import type { EdgeDesk } from '#nodes/edge-desk.ts';
import { randomBase62 } from '#storage/embedded/random-secret.ts';

export interface NodeControlParts {
  readonly directory: NodeDirectory;
  readonly desk: EdgeDesk;
  /** Has this node joined a control plane itself? */
  readonly isEdge: boolean;
}

const tokenPrefix = 'sluice-edge-';

export function createNodeControl({ directory, desk, isEdge }: NodeControlParts): NodeControl {
  return {
    list: () => reached(directory.list()),
    invitations: () => reached(directory.invitations()),
    async invite({ name, expiresAtMs = null, leasePercent = 100 }) {
      if (isEdge) throw new ControlError(409, 'This node has joined a control plane itself: invite there.');
      const token = tokenPrefix + randomBase62(32);
      const id = `edge-${randomBase62(16)}`;
      await reached(directory.invite({ id, name, expiresAtMs, leasePercent }, sha256(token)));
      const invitation = (await reached(directory.invitations())).find((each) => each.id === id);
      return { invitation: invitation!, token };
    },
    async revoke(id) {
      if (!(await reached(directory.revoke(id))))
        throw new ControlError(404, `There is no invitation "${id}".`);
      // Who waits for news has none to wait for any more.
      desk.wake();
    },
  };
}

export interface EdgeControlParts extends Pick<NodeControlParts, 'directory' | 'desk'> {
  /** Resolves when the segment is on the books. */
  receive(node: string, segment: { readonly name: string; readonly bytes: Uint8Array }): Promise<void>;
  giveUp(node: string, dead: EdgeDead): Promise<void>;
}

export function createEdgeControl({ directory, desk, receive, giveUp }: EdgeControlParts): EdgeControl {
  return {
    async admit(token, nodeId) {
      return reached(directory.admit(sha256(token), nodeId));
    },
    async changes({ leasePercent }, ask) {
      const changes = await desk.changes({ ...ask, leasePercent });
      if ('refusal' in changes) throw new ControlError(409, changes.refusal);
      return changes;
    },
    report: (edge, report) => reached(directory.report({ ...report, id: nodeOf(edge), kind: 'edge' })),
    async receive(edge, segment) {
      if (!(segment.bytes instanceof Uint8Array))
        throw new ControlError(400, 'Expected a segment as application/octet-stream.');
      await reached(receive(nodeOf(edge), segment));
    },
    giveUp: (edge, dead) => reached(giveUp(nodeOf(edge), dead)),
  };
}

/** Whoever was admitted has one. */
const nodeOf = ({ nodeId }: Invitation): string => nodeId!;

const sha256 = (text: string): string => hash('sha256', text, 'hex');

async function reached<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new ControlError(503, (error as Error).message);
  }
}
