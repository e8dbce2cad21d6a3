import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseDocument, stringify } from 'yaml';
import { CommandFailed } from './command-failed.ts';
import { print } from './print.ts';
import { visible } from './render-table.ts';

interface Flags {
  readonly baseUrl: string;
  readonly dialect: string;
  readonly keyEnv?: string;
  readonly model?: string;
  readonly config: string;
  readonly try: boolean;
}

export function addNewProvider(make: Command): void {
  make
    .command('provider')
    .description(
      'a provider that the catalogue does not know: tries it, and writes it into the configuration',
    )
    .argument('<name>', 'what it is to be called')
    .requiredOption('--base-url <url>', 'its address, with the version, as SDKs have it')
    .option('--dialect <name>', 'the wire format it speaks', 'openai-chat')
    .option('--key-env <variable>', 'environment variable that holds its key; the configuration refers to it')
    .option('--model <name>', 'a model to try it with, and to list')
    .option('--config <file>', 'where it is written', 'sluice.yaml')
    .option('--no-try', 'write it without asking it anything')
    .action(async (name: string, flags: Flags) => {
      const settings = {
        dialect: flags.dialect,
        baseUrl: flags.baseUrl,
        ...(flags.keyEnv ? { apiKey: `\${env:${flags.keyEnv}}` } : {}),
        ...(flags.model ? { models: [flags.model] } : {}),
      };
      const text = withProvider(flags.config, name, settings);
      const provider = await resolved(text, flags.config, name);
      if (flags.try) await tryOut(provider, flags.model);
      writeFileSync(flags.config, text);
      await print(`${flags.config} has the provider:\n\n${stringify({ providers: { [name]: settings } })}`);
    });
}

/** The file's text with the provider in it; comments and order stay. @throws CommandFailed */
function withProvider(file: string, name: string, settings: object): string {
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const document = parseDocument(before);
  if (document.errors.length > 0)
    throw new CommandFailed(`${file} is not YAML: ${document.errors[0]!.message}`);
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (document.hasIn(['providers', name]))
    throw new CommandFailed(
      `${file} has a provider "${name}" already. Choose another name, or change it there.`,
    );
  document.setIn(['providers', name], document.createNode(settings));
  return document.toString({ lineWidth: 0 });
}

/** @throws ConfigError when the configuration would not be good with it. */
async function resolved(text: string, file: string, name: string) {
  const { loadConfig } = await import('../compose/configuration.ts');
  const { openPriceSource } = await import('../compose/price-source.ts');
  const source = { path: file, env: process.env, prices: await openPriceSource() };
  const overrides = { stateDirectory: null, port: null, adminPort: null, threads: null };
  const { snapshot } = loadConfig({ source, overrides, version: 1, text });
  return snapshot.providers[name]!;
}

type Provider = Awaited<ReturnType<typeof resolved>>;

/** @throws CommandFailed, and then nothing was written. */
async function tryOut(provider: Provider, model: string | undefined): Promise<void> {
  if (model === undefined)
    throw new CommandFailed('Name a model to try it with (--model), or write it untried (--no-try).');
  const { tryProvider } = await import('../compose/try-provider.ts');
  try {
    const { said, tokens, tookMs } = await tryProvider(provider, model);
    const used = tokens ? `${tokens.input} tokens in, ${tokens.output} out` : 'no usage was told';
    await print(`It answers: "${visible(said)}" (${Math.round(tookMs)} ms; ${used})\n`);
  } catch (error) {
    const { message } = error as Error;
    throw new CommandFailed(
      `It does not answer: ${message} Nothing was written (--no-try writes it all the same).`,
    );
  }
}
