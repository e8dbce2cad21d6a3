import { extname } from 'node:path';
import { openThreadService, type ThreadService } from '../thread/thread-service.ts';

/** The record of answers for the whole process. @param path Of the database. */
export function openCacheService(path: string): ThreadService {
  // The same name, as source or compiled.
  const entry = new URL(`./cache-thread${extname(import.meta.url)}`, import.meta.url);
  return openThreadService({ name: 'cache', entry, workerData: { path } });
}
