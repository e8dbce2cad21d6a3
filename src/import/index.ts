/** Configurations of other products, read into one of Sluice. */
import { apisix } from './apisix/index.ts';
import type { Importer } from './importer.ts';
import { kong } from './kong/index.ts';
import { openapi } from './openapi/index.ts';

/** By the name that `sluice import` knows it by. */
export const importers: ReadonlyMap<string, Importer> = new Map(
  [apisix, kong, openapi].map((each) => [each.format, each]),
);

export { ImportError, type Imported, type Importer, type ImportSource } from './importer.ts';
export type { ImportReport, Outcome, ReportLine } from './report.ts';
