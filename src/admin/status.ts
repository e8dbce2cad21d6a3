import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ControlPlane } from '#core/contracts/control-plane.ts';
import { Anything, Instant, orNull, TextList } from './shapes.ts';

const Answer = Type.Object({
  version: Type.String(),
  nodeId: Type.String(),
  node: Type.String(),
  startedAtMs: Instant,
  ready: Type.Boolean(),
  reasons: TextList,
  snapshotVersion: Type.Integer(),
  configDigest: Type.String(),
  configuration: Type.Object({
    master: Type.String(),
    storedVersion: orNull(Type.Integer()),
    refused: orNull(Anything),
    unreachable: orNull(Type.String()),
  }),
  listen: Type.String(),
  workers: Type.Array(
    Type.Object({
      index: Type.Integer(),
      incarnation: Type.String(),
      snapshotVersion: Type.Integer(),
      heartbeatAgeMs: Type.Number(),
    }),
  ),
  ledger: Type.Object({ lagSegments: Type.Integer() }),
});

export function serveStatus(app: FastifyInstance, control: ControlPlane): void {
  const schema = { summary: 'Version, workers, configuration in force, ledger', answer: Answer };
  app.get('/v1/status', { config: { permission: 'status.read' }, schema }, () => control.status());
}
