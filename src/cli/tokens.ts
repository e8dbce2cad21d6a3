import { InvalidArgumentError, type Command } from 'commander';
import type { TokenRecord } from '#core/contracts/token-directory.ts';
import { permissions, roles, type RoleGrant } from '#core/principal.ts';
import { askAdmin, askPages, type AdminOptions } from './admin-client.ts';
import { adminOption, expiryOf, jsonOption, stateOption, wordList } from './options.ts';
import { print, printJson } from './print.ts';
import { renderTable, visible } from './render-table.ts';

interface Flags extends AdminOptions {
  readonly json?: boolean;
}

interface CreateFlags extends Flags {
  readonly user?: string;
  readonly role?: readonly RoleGrant[];
  readonly scopes?: readonly string[];
  readonly expires?: number;
}

export function addTokens(sluice: Command): void {
  const tokens = sluice.command('tokens').description('personal tokens of the admin API');
  withAdmin(
    tokens.command('list', { isDefault: true }).description("one's own tokens and sessions; an owner's: all"),
  ).action(list);
  withAdmin(
    tokens
      .command('create')
      .description('make a token, which never has more than its maker; it is shown this once'),
  )
    .argument('<name>')
    .option('--user <name>', 'for a user under admin.users of the configuration (oneself)')
    .option(
      '--role <role[:team]>',
      `less than one has: ${roles.join(', ')}, each for one team or everywhere; repeatable`,
      addGrant,
    )
    .option('--scopes <names>', `permissions that it is limited to: ${permissions.join(', ')}`, wordList)
    .option('--expires <when>', 'such as 12h, 30d or 2026-12-31 (90d)', expiryOf)
    .action(create);
  withAdmin(tokens.command('revoke').description('end a token or a session, at once'))
    .argument('<id>')
    .action(revoke);
}

const withAdmin = (command: Command) =>
  command.addOption(adminOption()).addOption(stateOption()).addOption(jsonOption());

function addGrant(text: string, before: readonly RoleGrant[] = []): RoleGrant[] {
  const [word, team = null, ...rest] = text.split(':');
  const role = roles.find((known) => known === word);
  if (!role || team === '' || rest.length > 0)
    throw new InvalidArgumentError(`Expected one of ${roles.join(', ')}, or such as developer:TEAM.`);
  return [...before, { role, team }];
}

const renderGrants = (grants: readonly RoleGrant[] | null): string =>
  grants?.map(({ role, team }) => (team === null ? role : `${role}:${team}`)).join(', ') ?? "its user's";

async function list(flags: Flags): Promise<void> {
  const found = await askPages<TokenRecord>(flags, '/v1/tokens', 'tokens');
  if (flags.json) return printJson(found);
  const rows = found.map((token) => [
    token.id,
    token.name,
    token.ownerName,
    renderGrants(token.roles),
    token.scopes ?? 'all',
    new Date(token.expiresAtMs).toISOString(),
    token.revoked ? 'revoked' : token.kind === 'session' ? 'session' : '',
  ]);
  return print(renderTable(['id', 'name', 'of', 'roles', 'scopes', 'expires', ''], rows));
}

async function create(name: string, { user, role, scopes, expires, ...flags }: CreateFlags): Promise<void> {
  const wish = {
    name,
    ...(user === undefined ? {} : { user }),
    ...(role === undefined ? {} : { roles: role }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(expires === undefined ? {} : { expiresAtMs: expires }),
  };
  const made = await askAdmin<{ token: TokenRecord; secret: string }>(flags, 'POST /v1/tokens', wish);
  if (flags.json) return printJson(made);
  process.stderr.write(`${visible(made.token.id)}: keep the token now, it is not shown again\n`);
  return print(`${made.secret}\n`);
}

async function revoke(id: string, flags: Flags): Promise<void> {
  await askAdmin(flags, `DELETE /v1/tokens/${encodeURIComponent(id)}`);
  return flags.json ? printJson({ revoked: id }) : print(`${visible(id)} lets nobody in from now on\n`);
}
