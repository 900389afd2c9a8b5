// `sallyport status --check`: one line and an exit status, as monitoring plugins print them.
//
// Guarantees: it always prints exactly one line on stdout and exits with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3
// (UNKNOWN, if the state cannot be determined). It starts no daemon and changes no state. If no daemon is running, it
// reports this.

import type { Control, Status } from '#control/control.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Terminal } from './terminal/terminal.ts';

const LEVELS = { ok: 0, warning: 1, critical: 2 } as const;
const UNKNOWN = 3;

/** Prints the health of the daemon that `find` returns, or that none runs. */
export async function healthCommand(
  terminal: Terminal,
  parts: { find(): Promise<Pick<Control, 'status' | 'close'> | null>; readonly known: Redactor },
): Promise<number> {
  try {
    const control = await parts.find();
    if (control === null) {
      terminal.out('CRITICAL: No daemon is running, so nothing is checked.');
      return LEVELS.critical;
    }
    try {
      const { health } = await control.status();
      terminal.out(healthLine(health));
      return LEVELS[health.level];
    } finally {
      await control.close();
    }
  } catch (thrown) {
    terminal.out(`UNKNOWN: ${withoutBar(parts.known.redact(asCoded(thrown).message))}`);
    return UNKNOWN;
  }
}

/** Level and sentence, then the age, if known, as performance data: value;warning;critical;minimum. */
function healthLine({ level, sentence, age_seconds: age, stale_after_seconds: limit }: Status['health']): string {
  const data = age === null ? '' : ` | age=${age}s;;${limit};0`;
  return `${level.toUpperCase()}: ${withoutBar(sentence)}${data}`;
}

/** Removes `|`, which separates the sentence from the performance data. */
function withoutBar(text: string): string {
  return text.replaceAll('|', '/');
}
