import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { EdgeDead } from '#core/contracts/edge.ts';
import type { Ledger } from '#ledger/store/start-ledger.ts';

/** Segments of other nodes' journals on their way into this node's ledger. */
export class ReceivedSegments {
  readonly #directory: string;
  readonly #ledger: Pick<Ledger, 'receive' | 'giveUp'>;

  constructor(stateDirectory: string, ledger: Pick<Ledger, 'receive' | 'giveUp'>) {
    this.#directory = join(stateDirectory, 'received');
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    this.#ledger = ledger;
    // What was not acknowledged is sent again, perhaps to another node.
    for (const entry of readdirSync(this.#directory, { recursive: true, withFileTypes: true }))
      if (entry.isFile() && /\.(?:open|sealed|new)$/.test(entry.name))
        rmSync(join(entry.parentPath, entry.name));
  }

  /** Resolves when it is on the books, this time or of an earlier one. */
  async take(
    node: string,
    { name, bytes }: { readonly name: string; readonly bytes: Uint8Array },
  ): Promise<void> {
    const folder = join(this.#directory, node);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, name);
    writeWhole(path, bytes);
    await this.#ledger.receive(node, path);
  }

  /** Resolves when what they left open is settled. */
  async giveUp(node: string, dead: EdgeDead): Promise<void> {
    await this.#ledger.giveUp(node, 'all' in dead ? null : dead);
  }
}

/** Under its name it is whole, so that the ledger believes its end. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}
