// Reads the JSON value of a server's response. Pure; the value is untrusted.

/** What is needed of a response. */
export interface TypedBody {
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}

/** `application/json`, or a type with the suffix +json such as `application/problem+json` (RFC 6839, 3.1). */
const JSON_TYPE = /^application\/(?:[a-z0-9.!#$&^_-]+\+)?json$/i;

/** Undefined if the type or the text is not JSON, or the text is not UTF-8 (RFC 8259, 8.1). */
export function jsonOf({ contentType = '', body }: TypedBody): unknown {
  const [type = ''] = contentType.split(';');
  if (!JSON_TYPE.test(type.trim())) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown;
  } catch {
    return undefined;
  }
}
