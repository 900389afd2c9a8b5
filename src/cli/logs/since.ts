// Parses `--since`: a duration before now (`90m`, `6h`, `3d`) or a time (`2026-11-30`, `2026-11-30T06:00:00Z`). Pure.

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** In ms since the epoch; null if it is neither. A date and a time without a zone are local. */
export function parseSince(text: string, nowMs: number): number | null {
  const [, number, unit = ''] = /^(\d{1,5})([mhd])$/.exec(text.trim()) ?? [];
  if (number !== undefined) return nowMs - Number(number) * (UNITS_MS[unit] ?? 0);
  if (!TIME.test(text.trim())) return null;
  const whole = text.includes('T') ? text.trim() : `${text.trim()}T00:00`;
  const at = Date.parse(whole);
  return Number.isNaN(at) ? null : at;
}
