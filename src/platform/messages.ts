// The messages between this host and the platform, format 1 (docs/protocol-platform.md). Pure.
//
// Guarantees: a message is read only if it has the right version and a valid envelope. Unknown types, other versions
// and unknown keys are ignored, so that this version works with a newer platform. A command with invalid content keeps
// its ID and number. This host can then answer it, and the platform does not send it again. No message can name a file,
// a path, a URL or a setting.

import { z } from 'zod';
import { ACTIVATION_STATES, type ActivationState } from './outcome/outcome.ts';

/** The version of every message. */
export const WIRE_VERSION = 1;
/** Longest delay that a platform can request, in seconds. */
const MAX_DELAY_SECONDS = 3_600;
/** A command name is no longer, also one that this version does not know. */
const MAX_NAME_LENGTH = 64;

const id = z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/);
const seq = z.int().positive();
/** A support case, or the name of a sender: one line that cannot move the cursor of a terminal. */
const line = (longest: number) =>
  z
    .string()
    .min(1)
    .max(longest)
    .regex(/^\P{Cc}+$/u);

/** What a command asks for. A new one is a row here and a handler in `daemon/platform`. */
const commandSchema = z.discriminatedUnion('command', [
  z.object({ command: z.literal('update-available') }),
  z.object({ command: z.literal('send-logs'), case: line(64).nullable().default(null) }),
  z.object({ command: z.literal('activation-changed') }),
  z.object({ command: z.literal('advice'), from: line(128), text: line(1_024) }),
]);
export type PlatformCommand = z.infer<typeof commandSchema>;
export type CommandName = PlatformCommand['command'];

/** A command as it is kept: one of the known ones, or the name of one that cannot be carried out. */
export const receivedCommandSchema = z.union([
  commandSchema,
  z.object({ command: z.literal('unusable'), name: z.string() }),
]);
export type ReceivedCommand = z.infer<typeof receivedCommandSchema>;

/** A longer delay is shortened, so that a mistake there cannot silence this host. */
const delaySeconds = z
  .number()
  .nonnegative()
  .transform((seconds) => Math.min(seconds, MAX_DELAY_SECONDS));

const envelopeSchema = z.object({ v: z.number(), type: z.string().max(128), id: z.unknown() });
const commandEnvelopeSchema = z.object({ id, seq, command: z.string().max(MAX_NAME_LENGTH) });

const otherSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), activation: z.enum(ACTIVATION_STATES), seq: z.int().nonnegative() }),
  z.object({ type: z.literal('result-ack'), command: id }),
  z.object({ type: z.literal('delay'), seconds: delaySeconds }),
]);

/** What the platform can say. */
export type PlatformMessage =
  | z.infer<typeof otherSchema>
  | { readonly type: 'command'; readonly id: string; readonly seq: number; readonly command: ReceivedCommand };

/** The result of reading one message. `invalid` is an error of the protocol: the connection should end. */
export type ReadMessage =
  | { readonly kind: 'message'; readonly message: PlatformMessage }
  | { readonly kind: 'ignored'; readonly why: 'type' | 'version'; readonly what: string }
  | { readonly kind: 'invalid'; readonly reason: string };

const OTHER_TYPES: ReadonlySet<unknown> = new Set(['welcome', 'result-ack', 'delay']);

/** Reads one message of the platform from parsed JSON. */
export function readPlatformMessage(raw: unknown): ReadMessage {
  const envelope = envelopeSchema.safeParse(raw);
  if (!envelope.success) return invalid(envelope.error);
  const { v, type } = envelope.data;
  if (v !== WIRE_VERSION) return { kind: 'ignored', why: 'version', what: String(v) };
  if (type === 'command') return readCommand(raw);
  if (!OTHER_TYPES.has(type)) return { kind: 'ignored', why: 'type', what: type };
  const read = otherSchema.safeParse(raw);
  return read.success ? { kind: 'message', message: read.data } : invalid(read.error);
}

/** Reads one message from the text of a WebSocket frame. */
export function readPlatformText(text: string): ReadMessage {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { kind: 'invalid', reason: 'it is not JSON' };
  }
  return readPlatformMessage(raw);
}

function readCommand(raw: unknown): ReadMessage {
  const envelope = commandEnvelopeSchema.safeParse(raw);
  if (!envelope.success) return invalid(envelope.error);
  const { id: key, seq: number, command: name } = envelope.data;
  const command = commandSchema.safeParse(raw);
  const received: ReceivedCommand = command.success ? command.data : { command: 'unusable', name };
  return { kind: 'message', message: { type: 'command', id: key, seq: number, command: received } };
}

function invalid(error: z.ZodError): ReadMessage {
  const [issue] = error.issues;
  const at = issue === undefined || issue.path.length === 0 ? 'it' : issue.path.join('.');
  return { kind: 'invalid', reason: `${at}: ${issue?.message ?? 'invalid'}` };
}

/** The body of a response to a poll. */
export const pollResponseSchema = z.object({ v: z.literal(WIRE_VERSION), messages: z.array(z.unknown()).max(1_000) });

/** The result of a purpose in a report. */
export interface ReportedResult {
  readonly result: 'ok' | 'failed' | 'none';
  readonly code: string | null;
  /** RFC 3339; null if the purpose was never used. */
  readonly at: string | null;
}

/** What this host reports about itself. `full` has all keys, `basic` those up to `purposes`. */
export interface PlatformReport {
  readonly v: 1;
  readonly level: 'basic' | 'full';
  readonly agent: { readonly id: string; readonly version: string };
  /** RFC 3339. */
  readonly at: string;
  readonly purposes: Readonly<Record<string, ReportedResult>>;
  readonly queues?: Readonly<Record<string, { readonly waiting: number; readonly bytes: number }>>;
  readonly trust?: Readonly<Record<string, string | number | null>>;
  /** The response timeout of each route, by the first 16 hex digits of the SHA-256 of its identity. */
  readonly timeouts?: readonly { readonly route: string; readonly ms: number }[];
}

type CommandOutcome = 'done' | 'refused' | 'failed' | 'waiting';

/** The result of a command, as it is kept and sent. */
export interface CommandResult {
  readonly command: string;
  readonly outcome: CommandOutcome;
  readonly code: string | null;
  /** The job that a command started, if there is one. */
  readonly job: string | null;
}

/** What this host says, without the envelope. */
export type AgentContent =
  | {
      readonly type: 'hello';
      readonly agent: { readonly id: string; readonly version: string };
      /** The highest number of a command that is durable here; 0 if there is none. */
      readonly after: number;
      /** The id of that command. If the platform has another one under this number, it has lost what it sent since. */
      readonly last: string | null;
      readonly activation: ActivationState;
      readonly report: PlatformReport | null;
    }
  | { readonly type: 'ack'; readonly after: number }
  | ({ readonly type: 'result' } & CommandResult)
  | { readonly type: 'report'; readonly report: PlatformReport };

export type AgentMessage = AgentContent & { readonly v: typeof WIRE_VERSION; readonly id: string };

/** Puts the envelope around a message to the platform. */
export function agentMessage(content: AgentContent, messageId: string): AgentMessage {
  return { v: WIRE_VERSION, id: messageId, ...content };
}
