// Checks the form of an acknowledgement (docs/protocol.md), and decides whether two of them are equal. Pure.

import { idProblem } from './feed-format.ts';

export interface Acknowledgement {
  readonly key: string;
  readonly id: string;
  readonly sha256: string;
  readonly length: number;
  readonly elapsed_ms: number;
  /** `published`, `withdrawn`, `hook_failed`, or `refused:` and a failure code. */
  readonly outcome: string;
  readonly agent: string;
}

const OUTCOME = /^(?:published|withdrawn|hook_failed|refused:[A-Z0-9][A-Z0-9-]{0,39})$/;
const SHA256 = /^[0-9a-f]{64}$/;
const TOKEN = /^[A-Za-z0-9._:-]{1,128}$/;

const FIELDS: readonly (readonly [keyof Acknowledgement, (value: unknown) => boolean, string])[] = [
  ['key', isToken, '1 to 128 letters, digits, dots, dashes, colons and underscores'],
  ['id', (value) => idProblem(value) === null, 'an ID'],
  ['sha256', (value) => typeof value === 'string' && SHA256.test(value), '64 hexadecimal digits, small letters'],
  ['length', isCount, 'a number of bytes'],
  ['elapsed_ms', isCount, 'a whole number of milliseconds'],
  ['outcome', (value) => typeof value === 'string' && OUTCOME.test(value), 'a known outcome'],
  ['agent', isToken, '1 to 128 letters, digits, dots, dashes, colons and underscores'],
];

/**
 * Reads a body. The header `Idempotency-Key` must have the same key. Unknown fields are dropped: a newer agent may
 * send more than this server knows.
 */
export function readAcknowledgement(
  body: string,
  headerKey: string | undefined,
): { readonly acknowledgement: Acknowledgement } | { readonly problem: string } {
  const document = parseObject(body);
  if (document === null) return { problem: 'the body is not a JSON object' };
  for (const [name, valid, allowed] of FIELDS) {
    if (!valid(document[name])) return { problem: `${name} is not ${allowed}` };
  }
  const read = Object.fromEntries(FIELDS.map(([name]) => [name, document[name]])) as unknown as Acknowledgement;
  if (headerKey === undefined) return { problem: 'the header Idempotency-Key is missing' };
  // The draft of that header requires a structured field string, with quotes; many senders omit them.
  const bare = /^"(.*)"$/.exec(headerKey)?.[1] ?? headerKey;
  if (bare !== read.key) return { problem: 'the header Idempotency-Key and the field key differ' };
  return { acknowledgement: read };
}

/** Whether a key was used for the same fact. The duration may differ, the outcome may not. */
export function isSameFact(left: Acknowledgement, right: Acknowledgement): boolean {
  return (
    left.id === right.id && left.sha256 === right.sha256 && left.outcome === right.outcome && left.agent === right.agent
  );
}

function isToken(value: unknown): boolean {
  return typeof value === 'string' && TOKEN.test(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
