// What main hands to every command that reads or changes the configuration. Types only.

import type { LoadResult } from '#config/load.ts';
import type { Control } from '#control/control.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Secret } from '#redaction/secret.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { Terminal } from './terminal.ts';

/** What main hands to such a command. */
export interface Desk {
  readonly terminal: Terminal;
  readonly files: Files;
  readonly clock: Clock;
  readonly known: Redactor;
  /** Makes a typed secret known to the mask, before anything is said. */
  keepSecret(value: Secret): void;
  /** Reads the settings; of this text instead of the file where one is given. */
  load(text?: string): Promise<LoadResult>;
  /** The daemon that works with this file; null where none runs. @throws CodedError CONTROL-OTHER-FILE */
  findDaemon(): Promise<Control | null>;
  /** The same, or one that works in this process where no daemon runs. */
  openControl(): Promise<Control>;
  /** Who runs this command, for whoever comes second. */
  readonly who: string;
  /** Addresses of this host's default gateways; none where they cannot be told. */
  gateways(): Promise<readonly string[]>;
  /** Makes a path of the command line absolute. */
  absolute(path: string): string;
  readonly signal: AbortSignal;
  /** The proxy variables of this process, for whoever compares them with those of the service. */
  readonly shell: Readonly<Record<string, string>>;
}
