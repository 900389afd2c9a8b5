// Finds in a log entry which step of a download it reports. It knows the messages of the product that Sallyport
// replaces, which Sallyport also uses, and Sallyport's own. Pure.
//
// A message must begin with the expected words, so a title or URL inside another message is never taken for a step.
// `test/estimate/steps.test.ts` formats Sallyport's events and reads them back, so events and reader always match.

/** One step of a download, as a log reports it. */
export type LogStep =
  | { readonly kind: 'began'; readonly id: string; readonly resumed: boolean }
  /** A response arrived. The line does not say for which download. */
  | { readonly kind: 'response' }
  /** Sallyport only: all bytes have arrived; with the longest silence that it measured. */
  | { readonly kind: 'downloaded'; readonly id: string; readonly silenceMs: number }
  /** Sallyport only. */
  | { readonly kind: 'failed'; readonly id: string }
  | { readonly kind: 'acknowledged'; readonly id: string };

/** A fraction of the second, then level, thread, and anything else that a version puts in brackets. */
const HEAD = /^(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? ?(?:\[[^\]]{0,500}\] ?){1,8}/;
const ID = '([A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?)';
const SPAN = String.raw`(\d[\d.]* (?:ms|s|min|h)(?: \d+ (?:s|min))?)`;
const END = String.raw`\.(?: |$)`;

const DOWNLOAD_STARTED = new RegExp(`^Downloading update ID ${ID}${END}`);
const RESUMED = new RegExp(String.raw`^Resuming update ID ${ID} at \d+ of \d+ bytes${END}`);
const RESPONSE = /^Response via \S/;
const DOWNLOADED = new RegExp(`^Downloaded update ID ${ID}: .{1,40} in ${SPAN}, longest silence ${SPAN}${END}`);
const FAILED = new RegExp(`^Update ID ${ID} failed(?: at |: )`);
const ACKNOWLEDGED = new RegExp(`^Acknowledging receipt of update ID ${ID}${END}`);

/** A cheap check first, because nearly every entry is about something else. */
const WORTH_A_LOOK = /Download|Resum|Response|Update ID|Acknowledg/;

/** The step that an entry reports; null if it is about something else. */
export function readStep(text: string): LogStep | null {
  if (!WORTH_A_LOOK.test(text)) return null;
  const message = text.replaceAll(/\s+/g, ' ').trim().replace(HEAD, '');
  const [, began] = DOWNLOAD_STARTED.exec(message) ?? [];
  if (began !== undefined) return { kind: 'began', id: began, resumed: false };
  if (RESPONSE.test(message)) return { kind: 'response' };
  const [, acknowledged] = ACKNOWLEDGED.exec(message) ?? [];
  if (acknowledged !== undefined) return { kind: 'acknowledged', id: acknowledged };
  const [, downloaded, , silence] = DOWNLOADED.exec(message) ?? [];
  if (downloaded !== undefined && silence !== undefined) {
    return { kind: 'downloaded', id: downloaded, silenceMs: readSpan(silence) };
  }
  const [, resumed] = RESUMED.exec(message) ?? [];
  if (resumed !== undefined) return { kind: 'began', id: resumed, resumed: true };
  const [, failed] = FAILED.exec(message) ?? [];
  return failed === undefined ? null : { kind: 'failed', id: failed };
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };

/** Converts a duration as the formatter shows it, such as `12 min 5 s`, to milliseconds. */
function readSpan(shown: string): number {
  let ms = 0;
  for (const [, number, unit = ''] of shown.matchAll(/(\d+(?:\.\d+)?) (ms|min|s|h)/g)) {
    ms += Number(number) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(ms);
}
