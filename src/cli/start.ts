import { Option, type Command } from 'commander';
import { CommandFailed } from './command-failed.ts';
import { wholeNumber } from './options.ts';

interface StartFlags {
  readonly config?: string;
  readonly state?: string;
  readonly port?: number;
  readonly adminPort?: number;
  readonly threads?: number;
  readonly join?: string;
  readonly token?: string;
}

const port = wholeNumber(0, 65_535);

/** Ctrl-C reaches us twice below npm, from the terminal and from npm, which passes it on: that is one request. */
const sameRequestMs = 500;

export function addStart(sluice: Command): void {
  sluice
    .command('start', { isDefault: true })
    .description(
      'start the gateway; the default. SIGTERM drains and ends it, a second signal ends it at once',
    )
    .addOption(
      new Option(
        '--config <file>',
        'configuration; without one, provider keys come from the environment',
      ).env('SLUICE_CONFIG'),
    )
    // No default: the configuration may name the directory.
    .addOption(new Option('--state <directory>', 'where keys, journal and ledger live').env('SLUICE_STATE'))
    .option('--port <number>', 'port for traffic; 0 takes any free one', port)
    .option('--admin-port <number>', 'port of the admin API', port)
    .addOption(
      new Option(
        '--join <url>',
        'be an edge of the control plane at this URL (its admin port): configuration and keys come from there',
      ).env('SLUICE_JOIN'),
    )
    .addOption(
      new Option('--token <token>', 'what lets this node join, made by "nodes invite"').env(
        'SLUICE_JOIN_TOKEN',
      ),
    )
    .option('--threads <number>', 'threads that carry traffic', wholeNumber(1, 256))
    .action(start);
}

function joinOf({ join, token }: StartFlags): { url: string; token: string } | null {
  if (join === undefined) return null;
  if (!/^https?:\/\/[^\s?#]+$/.test(join) || !URL.canParse(join))
    throw new CommandFailed(`--join expects a URL such as https://control.example.com:9080, got "${join}"`);
  if (!token)
    throw new CommandFailed(
      '--join needs SLUICE_JOIN_TOKEN (or --token): "sluice nodes invite NAME" makes one at the control plane',
    );
  return { url: join, token };
}

async function start(flags: StartFlags): Promise<void> {
  const join = joinOf(flags);
  const ended = Promise.withResolvers<void>();
  let stop: (() => Promise<void>) | null = null;
  let askedMs: number | null = null;
  const onSignal = () => {
    const nowMs = performance.now();
    if (askedMs !== null) {
      if (nowMs - askedMs > sameRequestMs) process.exit(1);
      return;
    }
    askedMs = nowMs;
    stop?.().then(ended.resolve, ended.reject);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);

  const { startGateway } = await import('../main.ts');
  const gateway = await startGateway({
    configPath: flags.config ?? null,
    stateDirectory: flags.state ?? null,
    port: flags.port ?? null,
    adminPort: flags.adminPort ?? null,
    threads: flags.threads ?? null,
    env: process.env,
    join,
  });
  stop = () => gateway.stop();
  // Standard output belongs to the access log.
  process.stderr.write(gateway.banner);
  if (askedMs !== null) stop().then(ended.resolve, ended.reject);
  await ended.promise;
}
