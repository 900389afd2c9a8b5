// What an entry of an old log says of a download: the vendor's messages, and our own, which are the same and some more.
//
// Pure. `test/estimate/steps.test.ts` renders our events and reads them back, so the two can't part. The message must
// begin with the words: a title or a URL inside another message can't pass for a step.

/** One step in the life of a download, as a log tells it. */
export type LogStep =
  | { readonly kind: 'began'; readonly id: string; readonly resumed: boolean }
  /** A response came; whose, the line does not say. */
  | { readonly kind: 'response' }
  /** Ours only: all bytes are here, and the longest silence as it was measured. */
  | { readonly kind: 'downloaded'; readonly id: string; readonly silenceMs: number }
  /** Ours only. */
  | { readonly kind: 'failed'; readonly id: string }
  | { readonly kind: 'acknowledged'; readonly id: string };

/** Level, thread, and whatever else a version puts into brackets; before them a fraction of the second. */
const HEAD = /^(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? ?(?:\[[^\]]{0,500}\] ?){1,8}/;
const ID = '([A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?)';
const SPAN = String.raw`(\d[\d.]* (?:ms|s|min|h)(?: \d+ (?:s|min))?)`;
const END = String.raw`\.(?: |$)`;

const BEGAN = new RegExp(`^Downloading update ID ${ID}${END}`);
const RESUMED = new RegExp(String.raw`^Resuming update ID ${ID} at \d+ of \d+ bytes${END}`);
const RESPONSE = /^Response via \S/;
const DOWNLOADED = new RegExp(`^Downloaded update ID ${ID}: .{1,40} in ${SPAN}, longest silence ${SPAN}${END}`);
const FAILED = new RegExp(`^Update ID ${ID} failed(?: at |: )`);
const ACKNOWLEDGED = new RegExp(`^Acknowledging receipt of update ID ${ID}${END}`);

/** Nearly every entry is about something else; this look costs next to nothing. */
const WORTH_A_LOOK = /Download|Resum|Response|Update ID|Acknowledg/;

/** The step that an entry tells, or null when it is about something else. */
export function readStep(text: string): LogStep | null {
  if (!WORTH_A_LOOK.test(text)) return null;
  const message = text.replaceAll(/\s+/g, ' ').trim().replace(HEAD, '');
  const [, began] = BEGAN.exec(message) ?? [];
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

/** A duration as the formatter shows it, `12 min 5 s`, in milliseconds. */
function readSpan(shown: string): number {
  let ms = 0;
  for (const [, number, unit = ''] of shown.matchAll(/(\d+(?:\.\d+)?) (ms|min|s|h)/g)) {
    ms += Number(number) * (UNIT_MS[unit] ?? 0);
  }
  return Math.round(ms);
}
