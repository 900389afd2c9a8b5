// Prints JSON for scripts and for people. JSON allows some characters in strings that a terminal would interpret (C1
// controls, bidi controls, U+2028). These are escaped, so that text from outside cannot control the terminal.

import { escapeJsonLine } from '#logging/json.ts';
import type { Terminal } from './terminal.ts';

/** Prints a value as indented JSON. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(escapeJsonLine(JSON.stringify(value, null, 2)));
}
