// Old logs for `timeout estimate`: the manual's own lines, and a folder for a log with its packages.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type EstimateReport, estimateTimeout } from '#estimate/estimate.ts';
import { realFiles } from '#system/real-files.ts';
import { Zone } from '#system/time/zone.ts';

/** Wrapped as in the manual. */
export const MANUAL_LINES = `2013-06-05T00:04:10 [INFO] [Thread: Security Console] Downloading update ID
1602503.
2013-06-05T00:04:12 [INFO] [Thread: Security Console] Response via 1.1
proxy.example.com.
2013-06-05T00:05:05 [INFO] [Thread: Security Console] Response via 1.1
proxy.example.com.
2013-06-05T00:05:07 [INFO] [Thread: Security Console] Acknowledging receipt
of update ID 1602503.
`;

/** One line of the vendor's log. */
export function vendorLine(stamp: string, message: string): string {
  return `${stamp} [INFO] [Thread: Security Console] ${message}\n`;
}

/** A folder of its own that goes with the test. */
export function tempFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-estimate-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes these logs and packages, and estimates. */
export async function estimateFrom(
  logs: Readonly<Record<string, string | Buffer>>,
  packages: Readonly<Record<string, number>> = {},
  options: { readonly named?: readonly string[]; readonly zone?: string } = {},
): Promise<EstimateReport> {
  const dir = tempFolder();
  for (const [name, content] of Object.entries(logs)) writeFileSync(join(dir, name), content);
  for (const [name, size] of Object.entries(packages)) writeFileSync(join(dir, name), Buffer.alloc(size));
  return await estimateTimeout({
    logs: (options.named ?? Object.keys(logs)).map((name) => join(dir, name)),
    packagesDir: dir,
    files: realFiles,
    zone: new Zone(options.zone ?? 'UTC'),
    signal: new AbortController().signal,
  });
}
