import type { HeaderList } from './head.ts';
import type { ClientTls, Timeouts } from './target.ts';

/** A server of tools, resources and prompts (Model Context Protocol), resolved. */
export type ToolServer = RemoteToolServer | LocalToolServer;

interface ToolServerBase {
  readonly name: string;
  /** Callers share sessions and processes; else each project has its own. */
  readonly shared: boolean;
}

export interface RemoteToolServer extends ToolServerBase {
  readonly kind: 'remote';
  readonly url: string;
  /** Sent with each request: what proves who calls among them. */
  readonly headers: HeaderList;
  /** How it is spoken to; null: that is found out. */
  readonly era: 'modern' | 'legacy' | 'sse' | null;
  readonly tls: ClientTls | null;
  readonly timeouts: Timeouts;
}

/** A program that the gateway starts, and speaks with by its standard input and output. */
export interface LocalToolServer extends ToolServerBase {
  readonly kind: 'local';
  readonly command: string;
  readonly args: readonly string[];
  /** All that it gets of the environment, besides what a program cannot do without. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string | null;
  /** How it is spoken to; null: that is found out. */
  readonly era: 'modern' | 'legacy' | null;
  /** Processes of it at once. */
  readonly maxProcesses: number;
}

/** What a call asks of servers of tools, for policies. */
export interface ToolFacts {
  /** Empty: several servers. */
  readonly server: string;
  readonly method: string;
  /** As its server knows it: of a tool, a prompt or a resource; null: the method has none. */
  readonly name: string | null;
}
