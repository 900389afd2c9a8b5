// Makes the bytes that the signature of an HTTP request covers (the signature base, RFC 9421, 2.5), and its parameters
// as a structured field (RFC 8941). Pure.
//
// Guarantees: two different lists of components or parameters never have the same base. Text that a structured field
// cannot hold is refused, so that no value can add a line or a parameter.

/** Name and value of a covered component: a header in lower case, or a derived one such as `@method`. */
export type Component = readonly [name: string, value: string];

/** Name and value of a signature parameter: text, or an integer such as `created`. */
export type Parameter = readonly [name: string, value: string | number];

/** Printable ASCII, the characters of a string (RFC 8941, 3.3.3). */
const STRING = /^[\u0020-\u007E]*$/;
/** Everything but line breaks and NUL. */
const ONE_LINE = /^[^\r\n\0]*$/;
/** A key of a parameter (RFC 8941, 3.1.2). */
const KEY = /^[a-z*][a-z0-9_.*-]*$/;

/**
 * The value of `Signature-Input` without its label: the covered components and the parameters, in this order.
 * @throws RangeError for a name or value that a structured field cannot hold
 */
export function signatureParams(names: readonly string[], parameters: readonly Parameter[]): string {
  const shown = parameters.map(([key, value]) => {
    if (!KEY.test(key)) throw new RangeError('not a key of a parameter');
    return `;${key}=${typeof value === 'number' ? integer(value) : string(value)}`;
  });
  return `(${names.map(string).join(' ')})${shown.join('')}`;
}

/**
 * The bytes that are signed.
 * @throws RangeError for a component that occurs twice, or for a value with a line break
 */
export function signatureBase(components: readonly Component[], params: string): Buffer {
  if (new Set(components.map(([name]) => name)).size !== components.length) {
    throw new RangeError('a component occurs twice');
  }
  const lines = components.map(([name, value]) => `${string(name)}: ${oneLine(value)}`);
  return Buffer.from([...lines, `"@signature-params": ${params}`].join('\n'), 'utf8');
}

function string(text: string): string {
  if (!STRING.test(text)) throw new RangeError('a string holds printable ASCII only');
  return `"${text.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw new RangeError('not an integer');
  return String(value);
}

function oneLine(value: string): string {
  if (!ONE_LINE.test(value)) throw new RangeError('a value holds no line break');
  return value.trim();
}
