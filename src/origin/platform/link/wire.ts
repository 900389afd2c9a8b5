// The messages of the platform link, format 1, as the platform reads and writes them (docs/protocol-platform.md). Pure.
//
// Guarantees: a message is read only if its envelope is valid. Unknown types, other versions and unknown keys are
// ignored, so that newer agents can use this server.

import { z } from 'zod';

/** The version of every message. */
export const LINK_FORMAT = 1;
export const LINK_PROTOCOL = 'sallyport.link.v1';
/** Of one message, and of the body of a poll. */
export const MAX_LINK_MESSAGE_BYTES = 1024 * 1024;
const MAX_WAIT_SECONDS = 60;
export const MAX_DELAY_SECONDS = 3_600;
/** An agent sends far fewer messages in one poll. */
const MAX_POLLED_MESSAGES = 1_000;
/** Of the JSON text of a report that is kept. */
const MAX_REPORT_LENGTH = 64 * 1024;

const id = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);
const after = z.int().nonnegative();
/** One line that cannot move the cursor of a terminal. */
const line = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^\P{Cc}+$/u);
const code = z.string().regex(/^[A-Z0-9][A-Z0-9-]{0,39}$/);

const ACTIVATION_WORDS = ['unactivated', 'activated', 'expired', 'revoked'] as const;
export type ReportedActivation = (typeof ACTIVATION_WORDS)[number];

/** What a command requests. */
export const commandSchema = z.discriminatedUnion('command', [
  z.object({ command: z.literal('update-available') }),
  z.object({ command: z.literal('send-logs'), case: line(64).nullable() }),
  z.object({ command: z.literal('activation-changed') }),
  z.object({ command: z.literal('advice'), from: line(128), text: line(1_024) }),
]);
export type PushedCommand = z.infer<typeof commandSchema>;

const reportSchema = z
  .looseObject({ v: z.literal(1), level: z.enum(['basic', 'full']) })
  .refine((report) => JSON.stringify(report).length <= MAX_REPORT_LENGTH, 'The report is too long.');
export type AgentReport = z.infer<typeof reportSchema>;

const agentSchema = z.object({ id, version: line(64) });
export const resultSchema = z.object({
  command: id,
  outcome: z.enum(['done', 'refused', 'failed', 'waiting']),
  code: code.nullable(),
  job: id.nullable(),
});

const agentMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('hello'),
    agent: agentSchema,
    after,
    last: id.nullable().default(null),
    activation: z.enum(ACTIVATION_WORDS),
    report: reportSchema.nullable(),
  }),
  z.object({ type: z.literal('ack'), after }),
  z.object({ type: z.literal('result'), ...resultSchema.shape }),
  z.object({ type: z.literal('report'), report: reportSchema }),
]);
export type FromAgent = z.infer<typeof agentMessageSchema>;
export type Hello = Extract<FromAgent, { type: 'hello' }>;

const envelopeSchema = z.object({ v: z.number(), type: z.string().max(128), id });
const TYPES: ReadonlySet<string> = new Set(['hello', 'ack', 'result', 'report']);

type ReadFromAgent =
  | { readonly kind: 'message'; readonly message: FromAgent }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'invalid'; readonly problem: string };

/** Reads one message from parsed JSON. */
export function readAgentMessage(raw: unknown): ReadFromAgent {
  const envelope = envelopeSchema.safeParse(raw);
  if (!envelope.success) return invalid(envelope.error);
  if (envelope.data.v !== LINK_FORMAT || !TYPES.has(envelope.data.type)) return { kind: 'ignored' };
  const read = agentMessageSchema.safeParse(raw);
  return read.success ? { kind: 'message', message: read.data } : invalid(read.error);
}

const pollSchema = z.object({
  v: z.literal(LINK_FORMAT),
  wait_seconds: z.number().min(0).max(MAX_WAIT_SECONDS),
  messages: z.array(z.unknown()).max(MAX_POLLED_MESSAGES),
});

export type ReadPoll =
  | { readonly waitSeconds: number; readonly messages: readonly FromAgent[] }
  | { readonly problem: string };

/** Reads the body of a poll. Messages of unknown types are left out. */
export function readPoll(text: string): ReadPoll {
  const raw = parseJson(text);
  if (raw === undefined) return { problem: 'it is not JSON' };
  const poll = pollSchema.safeParse(raw);
  if (!poll.success) return { problem: problemIn(poll.error) };
  const messages: FromAgent[] = [];
  for (const [index, one] of poll.data.messages.entries()) {
    const read = readAgentMessage(one);
    if (read.kind === 'invalid') return { problem: `messages.${index}.${read.problem}` };
    if (read.kind === 'message') messages.push(read.message);
  }
  return { waitSeconds: poll.data.wait_seconds, messages };
}

/** The value of a JSON text; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the platform sends, without the version and id of the message. */
export type PlatformContent =
  | { readonly type: 'welcome'; readonly activation: ReportedActivation; readonly seq: number }
  | ({ readonly type: 'command'; readonly id: string; readonly seq: number } & PushedCommand)
  | { readonly type: 'result-ack'; readonly command: string }
  | { readonly type: 'delay'; readonly seconds: number };

export type FromPlatform = PlatformContent & { readonly v: typeof LINK_FORMAT; readonly id: string };

/** Adds the version, and an id unless the message is a command, which has its own. */
export function platformMessage(content: PlatformContent, messageId: string): FromPlatform {
  return { v: LINK_FORMAT, id: messageId, ...content };
}

function invalid(error: z.ZodError): ReadFromAgent {
  return { kind: 'invalid', problem: problemIn(error) };
}

function problemIn(error: z.ZodError): string {
  const [issue] = error.issues;
  const place = issue === undefined || issue.path.length === 0 ? 'it' : issue.path.join('.');
  return `${place}: ${issue?.message ?? 'invalid'}`;
}
