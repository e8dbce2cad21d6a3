import type { MessagePort } from 'node:worker_threads';
import { openAuditService } from '#audit/audit-service.ts';
import { readChainSecret } from '#audit/chain-secret.ts';
import { connectAuditLog } from '#audit/connect-audit.ts';
import type { AuditControl, AuditLog, AuditRules } from '#core/contracts/audit.ts';
import type { Upstream } from '#core/contracts/upstream.ts';
import type { MetricJson } from '#observe/series.ts';
import type { MasterKey } from '#storage/embedded/master-key.ts';
import { createAuditControl } from './audit-control.ts';
import { AuditSinks } from './audit-sinks.ts';

export interface AuditParts {
  readonly stateDirectory: string;
  readonly master: MasterKey;
  readonly upstream: Upstream;
  /** As they are now. */
  rules(): AuditRules;
}

/** The audit log of this process, with all that belongs to it. */
export interface OpenAudit {
  readonly log: AuditLog;
  readonly control: AuditControl;
  /** For one thread of the data plane. */
  openPort(): MessagePort;
  /** Goes by other rules from now on. */
  follow(rules: AuditRules): Promise<void>;
  metrics(): MetricJson[];
  /** What was asked before is written, then its thread ends. */
  close(): Promise<void>;
}

/** @throws Error when the master key is not the one that it was begun under. */
export function openAudit({ stateDirectory, master, upstream, rules }: AuditParts): OpenAudit {
  // One that cannot be opened is told of now, and not with the first entry.
  readChainSecret(stateDirectory, master);
  const service = openAuditService(() => ({ stateDirectory, rules: rules(), masterKeys: master.texts }));
  const log = connectAuditLog(service.openPort());
  const sinks = new AuditSinks(stateDirectory, upstream);
  return {
    log,
    control: createAuditControl({ stateDirectory, master, door: log }),
    openPort: () => service.openPort(),
    async follow(next) {
      sinks.follow(next.sinks);
      await log.follow(next);
    },
    metrics: () => sinks.metrics(),
    async close() {
      sinks.close();
      await service.close();
    },
  };
}
