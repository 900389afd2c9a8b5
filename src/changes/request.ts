// The protocol of the change service: one request and one response, each a line of JSON, with events of the trial
// before the response.
//
// Guarantees: a request contains edits of keys and never text of the file. Everything in it is bounded before it is
// used. Both ends use these schemas, so a response that does not match comes from another version.

import { z } from 'zod';
import { keyName } from '#config/problem.ts';
import { changeVerdictSchema } from '#control/change.ts';
import { coded } from '#errors/coded-error.ts';
import { checkJsonShape, type JsonLimits } from '#system/json-shape.ts';
import { APPLY_STATES } from './daemon-outcome.ts';
import { proxyFactsSchema } from './proxy/facts.ts';
import { outcomeSchema } from './proxy/outcome.ts';

/** 256 KiB. A list of a thousand hosts takes 30 KB. */
export const MAX_REQUEST_BYTES = 262_144;
const SHAPE: JsonLimits = { values: 50_000, depth: 24 };

const MAX_EDITS = 200;
/** Maximum over all edits. Each value costs a parse of the file; the longest list of the schema has 256 entries. */
const MAX_EDITED_VALUES = 512;
const MAX_PATH_STEPS = 16;
const MAX_KEY_LENGTH = 256;
const MAX_INDEX = 10_000;
const MAX_SECRET_LENGTH = 65_536;
const MIN_WINDOW_MS = 5_000;
const MAX_WINDOW_MS = 3_600_000;
/** Default time limit of a trial. */
export const DEFAULT_WINDOW_MS = 60_000;

const pathSchema = z
  .array(z.union([z.string().min(1).max(MAX_KEY_LENGTH), z.int().min(0).max(MAX_INDEX)]))
  .min(1)
  .max(MAX_PATH_STEPS);

const editSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['set', 'append']), path: pathSchema, value: z.json() }),
  z.strictObject({ kind: z.literal('remove'), path: pathSchema }),
]);

const changeRequestSchema = z.strictObject({
  /** `try` tests the change and writes nothing; `apply` tests it and writes it if the test succeeds. */
  verb: z.enum(['try', 'apply']),
  /** sha256 in hex of the file that the edits were made for. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  edits: z.array(editSchema).max(MAX_EDITS).refine(hasFewValues),
  /** A password to store in a file of its own. `path` is its key after the edits. */
  secret: z.strictObject({ path: pathSchema, value: z.string().min(1).max(MAX_SECRET_LENGTH) }).nullable(),
  window_ms: z.int().min(MIN_WINDOW_MS).max(MAX_WINDOW_MS),
  /** Whether a failed test waits for a person to confirm the change (`sallyport proxy confirm`). */
  waits: z.boolean(),
  /** Whether settings are written although a stage failed. They are tested anyway. */
  saves_anyway: z.boolean().optional(),
});
export type ServiceRequest = z.infer<typeof changeRequestSchema>;

/** Asks for what a menu shows. `pin` is what its user entered; null for nothing. */
const lookRequestSchema = z.strictObject({ verb: z.literal('look'), pin: z.string().max(64).nullable() });
export type LookRequest = z.infer<typeof lookRequestSchema>;

/** Activates this host with a key. */
const activateRequestSchema = z.strictObject({ verb: z.literal('activate'), key: z.string().min(1).max(64) });

const requestSchema = z.discriminatedUnion('verb', [changeRequestSchema, lookRequestSchema, activateRequestSchema]);
/** Every request of the service. */
export type AnyRequest = z.infer<typeof requestSchema>;

function hasFewValues(edits: readonly z.infer<typeof editSchema>[]): boolean {
  const count = edits.reduce((sum, edit) => sum + ('value' in edit ? countValues(edit.value) : 1), 0);
  return count <= MAX_EDITED_VALUES;
}

function countValues(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, part) => sum + countValues(part), 1);
}

/** Reads a request. @throws CodedError CHANGE-REQUEST */
export function parseRequest(line: string): AnyRequest {
  const excess = checkJsonShape(Buffer.from(line), SHAPE);
  if (excess !== null) throw coded('CHANGE-REQUEST', { reason: `it has more than ${excess.limit} ${excess.what}` });
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch (thrown) {
    throw coded('CHANGE-REQUEST', { reason: 'it is not JSON' }, thrown);
  }
  const parsed = requestSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  // The first step is a field of the schema; the rest may be text of the caller.
  const field = parsed.error.issues[0]?.path[0];
  const reason = field === undefined ? 'it is malformed' : `${String(field)} is malformed or too long`;
  throw coded('CHANGE-REQUEST', { reason });
}

/** The keys that a request changes, for the log. */
export function editedKeys({ edits, secret }: Pick<ServiceRequest, 'edits' | 'secret'>): string[] {
  const paths = [...edits.map(({ path }) => path), ...(secret === null ? [] : [secret.path])];
  return [...new Set(paths.map(keyName))];
}

const errorSchema = z.object({ code: z.string() }).loose();

const problemSchema = z.object({
  file: z.string(),
  line: z.number(),
  column: z.number(),
  key: z.string(),
  found: z.string(),
  allowed: z.string(),
  didYouMean: z.string().optional(),
  code: z.string().optional(),
  message: z.string(),
});

/** The result of a change. */
export const answerSchema = z.discriminatedUnion('state', [
  /** The change would make the file invalid. */
  z.object({ state: z.literal('refused'), error: errorSchema, problems: z.array(problemSchema) }),
  /** The change was tried and nothing was written. */
  z.object({ state: z.literal('tried'), verdict: changeVerdictSchema }),
  z.object({
    state: z.literal('made'),
    verdict: changeVerdictSchema,
    changed: z.boolean(),
    stored: z.string().nullable(),
    removed: z.array(z.string()),
    kept: z.array(z.string()),
    warnings: z.array(problemSchema),
    daemon: z
      .object({ taken: z.enum(APPLY_STATES), refusal: z.string().optional(), unreachable: errorSchema.optional() })
      .nullable(),
  }),
]);
export type ServiceAnswer = z.infer<typeof answerSchema>;

/** The result of a look. */
export const lookAnswerSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('refused'), error: errorSchema, problems: z.array(problemSchema) }),
  /** A PIN is needed. `is_wrong`: one was given. */
  z.object({ state: z.literal('locked'), is_wrong: z.boolean() }),
  z.object({ state: z.literal('seen'), facts: proxyFactsSchema, outcome: outcomeSchema }),
]);
export type LookAnswer = z.infer<typeof lookAnswerSchema>;
