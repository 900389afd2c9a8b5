// Parses `--since` and `--until`: a duration from now (`90m`, `6h`, `3d`) or a time (`2026-11-30`,
// `2026-11-30T06:00:00Z`). Pure.

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** In ms since the epoch, with a duration before now; null if it is neither. A date and a time without a zone are local. */
export function parseSince(text: string, nowMs: number): number | null {
  const span = parseSpan(text);
  return span === null ? parseTime(text) : nowMs - span;
}

/** The same with a duration after now. */
export function parseUntil(text: string, nowMs: number): number | null {
  const span = parseSpan(text);
  return span === null ? parseTime(text) : nowMs + span;
}

/** A duration such as `90m`, in ms; null for other text. */
export function parseSpan(text: string): number | null {
  const [, number, unit = ''] = /^(\d{1,5})([mhd])$/.exec(text.trim()) ?? [];
  return number === undefined ? null : Number(number) * (UNITS_MS[unit] ?? 0);
}

function parseTime(text: string): number | null {
  if (!TIME.test(text.trim())) return null;
  const whole = text.includes('T') ? text.trim() : `${text.trim()}T00:00`;
  const at = Date.parse(whole);
  return Number.isNaN(at) ? null : at;
}
