// `sallyport metrics`: prints the metrics, or writes them to a file for the textfile collector of node_exporter.
//
// Guarantees: the file is replaced by a rename, so the collector reads the old values or the new ones. If the metrics
// cannot be read, the old file stays, and its age shows this.

import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';

/** node_exporter usually runs as another user. */
const MODE = 0o644;

interface MetricsOptions {
  /** An absolute path; null for stdout. */
  readonly textfile: string | null;
  readonly files: Files;
}

/** The textfile collector does not read OpenMetrics. @throws CodedError METRICS-OFF, FILE-FAILED, DISK-FULL */
export async function metricsCommand(
  control: Control,
  terminal: Terminal,
  { textfile, files }: MetricsOptions,
): Promise<number> {
  if (textfile === null) terminal.screen.write((await control.metrics('openmetrics')).text);
  else await writeDurably(files, textfile, Buffer.from((await control.metrics('text')).text), MODE);
  return EXIT_OK;
}
