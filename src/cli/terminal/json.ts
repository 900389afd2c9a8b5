// JSON for scripts and eyes: what JSON leaves bare inside strings and a terminal obeys (C1 controls, bidi controls,
// U+2028) is escaped, so that foreign text in it can't act.

import { escapeJsonLine } from '#logging/json.ts';
import type { Terminal } from './terminal.ts';

/** Prints a value, indented. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out(escapeJsonLine(JSON.stringify(value, null, 2)));
}
