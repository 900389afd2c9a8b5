// What main hands to every command that reads or changes the configuration. Types only.

import type { ChangeContext } from '#changes/context.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Secret } from '#redaction/secret.ts';

/** What main hands to such a command. */
export interface CommandContext extends ChangeContext {
  readonly terminal: Terminal;
  readonly known: Redactor;
  /** Makes a typed secret known to the mask, before anything is said. */
  keepSecret(value: Secret): void;
  /** Addresses of this host's default gateways; none where they cannot be told. */
  gateways(): Promise<readonly string[]>;
  /** Makes a path of the command line absolute. */
  absolute(path: string): string;
  /** Where the change service listens that may write this file; null where there is none. */
  readonly changeSocket: string | null;
  /** The proxy variables of this process, for whoever compares them with those of the service. */
  readonly shell: Readonly<Record<string, string>>;
}
