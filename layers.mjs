/**
 * Who may import whom, below src/. Each layer names the layers it may import besides itself; within `dialects` and
 * `policies`, and within `providers/catalog`, one member never imports another (only their index does). The lint rules are
 * made from this table (scripts/lint.ts).
 */
export const layers = {
  core: [],
  postgres: ['core'],
  pipeline: ['core'],
  balance: ['core'],
  dialects: ['core'],
  providers: ['core', 'identity'],
  identity: ['core'],
  policies: ['core', 'identity'],
  ledger: ['core', 'postgres'],
  storage: ['core', 'postgres'],
  transport: ['core'],
  observe: ['core'],
  expressions: ['core'],
  config: ['core', 'expressions'],
  discovery: ['core', 'config'],
  health: ['core'],
  events: ['core'],
  audit: ['core', 'storage'],
  secrets: ['core', 'providers'],
  nodes: ['core'],
  admin: ['core', 'ledger', 'config'],
  compose: [
    'core',
    'expressions',
    'pipeline',
    'balance',
    'dialects',
    'providers',
    'policies',
    'ledger',
    'storage',
    'transport',
    'observe',
    'config',
    'discovery',
    'health',
    'events',
    'audit',
    'secrets',
    'nodes',
    'admin',
  ],
  cli: ['core', 'compose', 'ledger', 'config', 'storage', 'audit', 'transport', 'main', 'postgres'],
  main: [
    'core',
    'balance',
    'events',
    'audit',
    'compose',
    'ledger',
    'storage',
    'nodes',
    'admin',
    'config',
    'transport',
  ],
  worker: [
    'core',
    'compose',
    'pipeline',
    'balance',
    'dialects',
    'providers',
    'policies',
    'ledger',
    'storage',
    'transport',
    'observe',
    'audit',
  ],
};

/** Layers whose members must not know each other: `dialects/a` never imports `dialects/b`. */
export const apart = ['dialects', 'policies'];

/** Layers that import nothing from npm or node. */
export const pure = ['core'];

/** Layers in which no vendor's name may occur (comments and tests aside). */
export const nameless = ['core', 'pipeline', 'policies', 'ledger'];
