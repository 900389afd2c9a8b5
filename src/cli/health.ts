// `sallyport status --check`: one line and an exit status, as monitoring plugins give them.
//
// Guarantees: exactly one line on stdout and 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN, when it can't be told),
// whatever happens. It starts nothing and touches no state: without a daemon that is the answer.

import type { Control, Status } from '#control/control.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Terminal } from './terminal/terminal.ts';

const LEVELS = { ok: 0, warning: 1, critical: 2 } as const;
const UNKNOWN = 3;

/** Asks the daemon that `find` finds, if any, and says how it is. */
export async function healthCommand(
  terminal: Terminal,
  parts: { find(): Promise<Control | null>; readonly known: Redactor },
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

/** Level, sentence and, where there is one, the age in the form of performance data: value;warning;critical;least. */
function healthLine({ level, sentence, age_seconds: age, stale_after_seconds: limit }: Status['health']): string {
  const data = age === null ? '' : ` | age=${age}s;;${limit};0`;
  return `${level.toUpperCase()}: ${withoutBar(sentence)}${data}`;
}

/** A bar begins the performance data. */
function withoutBar(text: string): string {
  return text.replaceAll('|', '/');
}
