// Parses a size as people write it: `48MB`, `1.2 GB`, `48000000`. One MB is 10^6 bytes, as in all of Sallyport. Pure.

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** The size in bytes; null if the text is not a size. */
export function parseSize(text: string): number | null {
  const [, number = '', unit = 'b'] = /^(\d{1,15}(?:\.\d{1,6})?)\s?([kmgt]?b)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
  return number !== '' && bytes >= 1 && bytes <= 1e15 - 1 ? bytes : null;
}
