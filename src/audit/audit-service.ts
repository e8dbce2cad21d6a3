import { extname } from 'node:path';
import { openThreadService, type ThreadService } from '#storage/embedded/thread/thread-service.ts';
import type { AuditAsk, AuditStart } from './protocol.ts';

/**
 * The audit log for the whole process: its thread starts with the first entry.
 * @param start What it is born with, as it is then.
 */
export function openAuditService(start: () => AuditStart): ThreadService {
  return openThreadService({
    name: 'audit',
    // The same name, as source or compiled.
    entry: new URL(`./audit-thread${extname(import.meta.url)}`, import.meta.url),
    get workerData() {
      return start();
    },
    // It is born with what it is told here.
    withoutThread: (ask) => ((ask as AuditAsk).type === 'rules' ? {} : undefined),
  });
}
