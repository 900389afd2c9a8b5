// JSON for scripts and for people. Characters that JSON allows in strings but that a terminal interprets (C1 controls,
// bidi controls, U+2028) are escaped, so that foreign text cannot control the terminal.

import { escapeJsonLine } from '#logging/json.ts';
import type { Terminal } from './terminal.ts';

/** Prints a value as indented JSON. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(escapeJsonLine(JSON.stringify(value, null, 2)));
}
