import type { AdminAccess } from '#core/admin-access.ts';
import { rootPrincipal, roles, type Principal } from '#core/principal.ts';
import {
  ControlError,
  type ControlPlane,
  type KeyView,
  type UsageQuery,
} from '#core/contracts/control-plane.ts';

/** What was asked of it, in order. */
export const asked: unknown[] = [];
/** `stored`: null: a file is the master. */
export const stands = { ready: true, stored: null as number | null };
const line = { digest: 'd', author: 'admin', comment: '', madeAtMs: 1 };

export const node = 'n'.repeat(16);
const invitation = {
  ...{ id: 'i1', name: 'shop', madeAtMs: 1, expiresAtMs: null, revoked: false },
  ...{ leasePercent: 25, nodeId: node },
};

const rate = { amount: 10_000, windowMs: 60_000 };
const settings: AdminAccess = { users: {}, oidc: null, limits: { requests: rate, failures: rate } };

/** Whose tokens begin with the name of a role and, after a dot, may have a team; `right` is the owner's. */
function principalOf(secret: string): Principal | null {
  if (secret === 'right') return rootPrincipal;
  const [role, team = null] = secret.split('.');
  const known = roles.find((each) => each === role);
  return known ? { ...rootPrincipal, via: 'token', id: secret, roles: [{ role: known, team }] } : null;
}

const key = (id: string, team: string): KeyView => ({
  ...{ id, name: id, project: 'p', team, groups: [], models: null, expiresAtMs: null },
  ...{ createdAtMs: 1, master: 'store', revoked: false },
});

/** A control plane that does nothing but remember. */
export const control: ControlPlane = {
  discovery: () => [],
  calibration: () => [],
  upstreams: { list: () => [], drain: (wish) => void asked.push(wish) },
  status: () => ({
    version: '1',
    nodeId: 'n1',
    node: 'v26',
    startedAtMs: 1,
    ready: stands.ready,
    reasons: stands.ready ? [] : ['worker 0 is silent'],
    snapshotVersion: 1,
    configDigest: 'd',
    configuration: { master: 'file', storedVersion: null, refused: null, unreachable: null },
    listen: ':8080',
    workers: [],
    ledger: { lagSegments: 0 },
  }),
  metrics: async () => ({
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: '# HELP x y\n# TYPE x counter\nx 1\n',
  }),
  teamOf: (project) => ({ p: 'red', other: 'blue' })[project] ?? null,
  access: {
    settings: () => settings,
    admit: async (secret, kind) => (kind === 'token' ? principalOf(secret) : null),
    tokens: {
      list: async () => [],
      create: async () => Promise.reject(new ControlError(403, 'not here')),
      revoke: async (_, id) => void asked.push(id),
    },
    signIn: async () => null,
    signOut: async () => undefined,
  },
  keys: {
    list: () => [key('k1', 'red'), key('file-key', 'blue')],
    async create(wish) {
      asked.push(wish);
      if (wish.project === 'none') throw new ControlError(404, 'no project "none"');
      return { key: { ...wish, id: 'k1' } as never, secret: 's' };
    },
    change: async (id, change) => ({ ...change, id }) as never,
    rotate: async (id, overlapMs) => ({ key: { id, previousUntilMs: overlapMs } as never, secret: 's2' }),
    async revoke(id) {
      asked.push(id);
      if (id === 'file-key') throw new ControlError(409, 'this key is kept in the file');
    },
  },
  config: {
    read: () => ({
      ...{ text: 'version: 1', digest: 'abc', version: 1, path: '/etc/sluice.yaml' },
      ...(stands.stored === null
        ? { master: 'file', storedVersion: null }
        : { master: 'cluster', storedVersion: stands.stored }),
    }),
    check: (text) => (text === 'good' ? [] : [{ path: 'a', message: 'bad', line: 1, column: 2 }]),
    diff: () => [{ path: 'routes[llm]', change: 'added', before: null, after: {} }],
    async apply({ after: latest, ...wish }) {
      if (stands.stored === null)
        throw new ControlError(409, 'kept in /etc/sluice.yaml', { changes: ['the patch'] });
      if (latest !== stands.stored) throw new ControlError(412, `not the latest`);
      asked.push(wish);
      return { ...line, version: (stands.stored += 1), refusal: null };
    },
    versions: async (limit) => [{ ...line, version: limit }],
    readVersion: async (version) => ({ ...line, version, text: 'x' }),
  },
  resources: {
    list: () => [],
    read: () => null,
    teamOf: () => null,
    change: async (wish) => Promise.reject(new ControlError(404, `no ${wish.name}`)),
  },
  nodes: {
    list: async () => [],
    invitations: async () => [invitation],
    async invite(wish) {
      asked.push(wish);
      return { invitation, token: 'edge-token' };
    },
    async revoke(id) {
      if (id !== 'i1') throw new ControlError(404, 'no such invitation');
      asked.push(id);
    },
  },
  edges: {
    admit: async (token, nodeId) => (token === 'edge-token' && nodeId === node ? invitation : null),
    async changes(edge, { cursor, waitMs }) {
      asked.push([edge.id, cursor, waitMs]);
      return { document: null, keys: null, leasePercent: 25 };
    },
    report: async (edge, report) => void asked.push([edge.id, report]),
    receive: async (edge, { name, bytes }) => void asked.push([edge.id, name, [...bytes]]),
    giveUp: async (edge, dead) => void asked.push([edge.id, dead]),
  },
  explain: (question) => question,
  async usage(query: UsageQuery) {
    asked.push(query);
    return [{ team: 't', costNano: '12345678901234567890', priceNano: '1' }];
  },
  async rerate(wish) {
    asked.push(wish);
    return { dryRun: wish.dryRun, examined: 2, corrected: 1, difference: [] };
  },
  events: {
    webhooks: async () => [],
    resume: async (name) => void asked.push(name),
    letters: async (webhook) => [{ webhook }],
    async redeliver(id) {
      if (id === 9) throw new ControlError(503, 'It was not taken: status 500.');
      asked.push(id);
    },
    discard: async (id) => void asked.push(id),
  },
  audit: {
    async search(query) {
      asked.push(query);
      return [{ sequence: 7, at: '2026-01-01T00:00:00.000Z', hash: 'h', kind: 'change' }];
    },
    async verify(expected) {
      asked.push(expected);
      return { clean: true, records: 1, segments: 1, dropped: 0, head: null, findings: [], notes: [] };
    },
    async erase(project) {
      asked.push(project);
      return { erased: project === 'p' };
    },
  },
  live: async () => ({
    ...{ atMs: 1, overMs: null, openStreams: 0, connections: 0, boundsSeconds: [] },
    ...{ routes: [], targets: [], usage: [] },
  }),
  async receipts(query) {
    asked.push(query);
    return { receipts: [], next: 7 };
  },
  async receipt(id) {
    if (id.endsWith('X')) throw new Error('the secret text of a bug');
    return id.endsWith('0') ? { id } : null;
  },
  verify: async () => ({ clean: true, findings: [], checked: { receipts: 1 } }),
};
