import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { Argument, Option, type Command } from 'commander';
import { stringify } from 'yaml';
import { ImportError, importers, type Imported } from '#import/index.ts';
import { CommandFailed } from './command-failed.ts';
import { print, printJson } from './print.ts';
import { renderReport, reportJson } from './render-import.ts';

interface Flags {
  readonly out?: string;
  readonly force?: boolean;
  readonly report: 'text' | 'json';
  readonly usagePlans?: string;
}

export function addImport(sluice: Command): void {
  const formats = [...importers.values()].map(({ format, title }) => `${format}: ${title}`).join('; ');
  sluice
    .command('import')
    .description("make a configuration of another product's, and say what becomes of each part of it")
    .addArgument(new Argument('<format>', formats).choices([...importers.keys()]))
    .argument('<file>', 'the configuration of the other product')
    .option(
      '--out <file>',
      'where the configuration is written (standard output, and the report on the other)',
    )
    .option('--force', 'write it although the file is there')
    .option('--usage-plans <file>', 'openapi: usage plans of the API, a second document')
    .addOption(new Option('--report <form>', 'form of the report').choices(['text', 'json']).default('text'))
    .action(async (format: string, file: string, flags: Flags) => {
      const { document, report } = importFile(format, file, flags);
      const text = stringify(document, { lineWidth: 0 });
      const problems = await problemsOf(text, flags.out ?? 'sluice.yaml', report.variables.keys());
      if (flags.out === undefined) {
        await print(text);
        const told =
          flags.report === 'json' ? JSON.stringify(reportJson(report), null, 2) : renderReport(report);
        process.stderr.write(`${told.trimEnd()}\n`);
      } else {
        writeNew(flags.out, text, flags.force === true);
        if (flags.report === 'json') await printJson(reportJson(report));
        else await print(renderReport(report));
      }
      if (problems !== null) throw new CommandFailed(`the configuration is not good yet:\n${problems}`);
    });
}

/** @throws CommandFailed */
function importFile(format: string, file: string, { usagePlans, out = 'sluice.yaml' }: Flags): Imported {
  // As the configuration will refer to it.
  const fromOut = relative(dirname(resolve(out)), resolve(file));
  const beside: Record<string, string> = {};
  if (usagePlans !== undefined) beside['usage-plans'] = read(usagePlans);
  try {
    return importers.get(format)!.import({ file: fromOut, text: read(file), beside });
  } catch (error) {
    if (error instanceof ImportError) throw new CommandFailed(error.message, error);
    throw error;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandFailed(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    );
  }
}

function writeNew(file: string, text: string, mayReplace: boolean): void {
  if (!mayReplace && existsSync(file))
    throw new CommandFailed(`${file} is there already. Choose another (--out), or say --force.`);
  writeFileSync(file, text);
}

/** Long enough for whatever a policy asks of a secret. */
const standIn = 'a-stand-in-for-a-secret-of-another-product';

/** What `sluice check` would say once the variables are set; null: nothing. */
async function problemsOf(text: string, path: string, variables: Iterable<string>): Promise<string | null> {
  const { ConfigError } = await import('#config/problem.ts');
  const { loadConfig } = await import('../compose/configuration.ts');
  const { openPriceSource } = await import('../compose/price-source.ts');
  const env = { ...Object.fromEntries([...variables].map((name) => [name, standIn])), ...process.env };
  const source = { path, env, prices: await openPriceSource() };
  const overrides = { stateDirectory: null, port: null, adminPort: null, threads: null };
  try {
    loadConfig({ source, overrides, version: 1, text });
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
