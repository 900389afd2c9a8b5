// `sallyport updates export`, `updates import` and `mirror`: puts some updates into a file, publishes updates from a
// medium, and copies a signed repository to a folder.

import { basename, resolve } from 'node:path';
import { exitStatusOf } from '#cli/terminal/failure.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { timeText } from '#control/text/status-rows.ts';
import type { BundleContent } from '#control/updates/medium.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showForeign, showSize } from '#errors/template.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { Files } from '#system/files.ts';
import { requireFree, type WrittenBundle, writeBundle } from './bundle-file.ts';

interface Shown {
  readonly json: boolean;
  readonly signal: AbortSignal;
  /** Prints one event as the log would. */
  show(event: SallyportEvent): void;
}

/** What to export, and where to. */
interface ExportOptions extends Omit<Shown, 'show'> {
  readonly ids: readonly string[];
  readonly output: string;
  readonly force: boolean;
  readonly files: Files;
  /** Shows events while the work lasts. */
  live(work: (show: Shown['show']) => Promise<number>): Promise<number>;
}

/** Writes a bundle. @throws CodedError EXPORT-*, FETCH-EXISTS, FETCH-TARGET, FEED-*, TUF-*, DISK-FULL, FILE-* */
export async function exportCommand(
  control: Control,
  terminal: Terminal,
  { ids, output, force, files, json, signal, live }: ExportOptions,
): Promise<number> {
  const path = resolve(output);
  await requireFree(files, { path, force });
  let ended: { readonly content: BundleContent; readonly written: WrittenBundle } | null = null;
  const status = await live(async (show) => {
    const quietly = json ? () => undefined : show;
    const content = await control.exportUpdates([...new Set(ids)], quietly, signal);
    const progress = (received: number, length: number) =>
      quietly({ name: 'progress', id: basename(path), received, length });
    ended = { content, written: await writeBundle(files, content, { path, force, signal, progress }) };
    return EXIT_OK;
  });
  if (ended !== null) printExported(terminal, { ...(ended as ExportEnd), path, json });
  return status;
}

type ExportEnd = { readonly content: BundleContent; readonly written: WrittenBundle };

function printExported(
  terminal: Terminal,
  { content, written, path, json }: ExportEnd & { readonly path: string; readonly json: boolean },
): void {
  const exported = content.packages.map(({ id }) => id);
  const { requires, expires } = content;
  if (json) {
    printJson(terminal, { path, ids: exported, ...written, requires, expires });
    return;
  }
  const count = `${exported.length} ${exported.length === 1 ? 'update' : 'updates'}`;
  terminal.out(`Exported ${count} to ${showForeign(path)} (${showSize(written.length)}). SHA-256 ${written.sha256}.`);
  terminal.out(`Import it by ${timeText(expires)}: then its metadata expires.`);
  if (requires.length > 0) {
    const list = requires.map((id) => showForeign(id)).join(', ');
    terminal.out(`The other host also needs these updates, which are not in the bundle: ${list}.`);
  }
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
