// The context of every command that reads or changes the configuration. Types only.

import type { ChangeContext } from '#changes/context.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Secret } from '#redaction/secret.ts';

/** The context that `sallyport.ts` passes to such a command. */
export interface CommandContext extends ChangeContext {
  readonly terminal: Terminal;
  readonly known: Redactor;
  /** Registers a typed secret for redaction before anything is printed. */
  keepSecret(value: Secret): void;
  /** Addresses of the default gateways of this host; empty if they cannot be determined. */
  gateways(): Promise<readonly string[]>;
  /** Makes a path of the command line absolute. */
  absolute(path: string): string;
  /** Socket of the change service that can write this file; null if there is none. */
  readonly changeSocket: string | null;
  /** The proxy variables of this process, to compare them with those of the service. */
  readonly shell: Readonly<Record<string, string>>;
}
