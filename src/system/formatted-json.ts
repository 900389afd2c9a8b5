// The outer form of our JSON files: one object `{"format": N, ...}`. Pure.
//
// Guarantees: never throws. A newer format and damaged content give different results, so that the user can see that
// the state comes from a newer version.

/** The result of decoding a file, before a schema checks its fields. */
export type FormattedJson =
  /** `fields` is the object without `format`. */
  | { readonly kind: 'fields'; readonly format: number; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'newer'; readonly format: number }
  | { readonly kind: 'damaged'; readonly reason: string };

/** Reads the object; `known` is the newest format that the caller can read. */
export function decodeFormattedJson(bytes: Uint8Array, known: number): FormattedJson {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return { kind: 'damaged', reason: bytes.length === 0 ? 'it is empty' : 'it is not JSON' };
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    return { kind: 'damaged', reason: 'it is not a JSON object' };
  }
  const { format, ...fields } = content as Record<string, unknown>;
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) {
    return { kind: 'damaged', reason: 'it does not name its format' };
  }
  return format > known ? { kind: 'newer', format } : { kind: 'fields', format, fields };
}
