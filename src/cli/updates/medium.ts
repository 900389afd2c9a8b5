// `sallyport updates import` and `sallyport mirror`: imports updates from a folder or archive, and copies a signed
// repository to a folder.

import { resolve } from 'node:path';
import { exitStatusOf } from '#cli/terminal/failure.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign, showSize } from '#errors/template.ts';
import type { SallyportEvent } from '#logging/events.ts';

interface Shown {
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Prints one event as the log would. */
  show(event: SallyportEvent): void;
}

/** Publishes updates from a medium. The exit status is that of the first failure. @throws CodedError IMPORT-*, FILE-* */
export async function importCommand(
  control: Control,
  terminal: Terminal,
  { path, maxAge, json, signal, show }: Shown & { readonly path: string; readonly maxAge: number },
): Promise<number> {
  const request = { path: resolve(path), max_age_ms: maxAge };
  const result = await control.importUpdates(request, json ? () => undefined : show, signal);
  if (json) printJson(terminal, result);
  const first = result.failure ?? result.failed[0]?.failure ?? null;
  return first === null ? EXIT_OK : exitStatusOf(first);
}

/** Copies the whole repository into a folder. @throws CodedError TUF-*, FILE-*, DISK-FULL */
export async function mirrorCommand(
  control: Control,
  terminal: Terminal,
  { dir, json, signal, show }: Shown & { readonly dir: string },
): Promise<number> {
  const path = resolve(dir);
  const result = await control.mirror(path, json ? () => undefined : show, signal);
  if (json) printJson(terminal, result);
  else {
    const { targets, fetched, bytes } = result;
    terminal.out(
      `The mirror in ${showForeign(path)} is complete: ${targets} targets, ${fetched} downloaded now (${showSize(bytes)}).`,
    );
  }
  return EXIT_OK;
}
