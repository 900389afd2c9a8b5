// Lets another program sign, such as a PKCS#11 module, a command of a cloud KMS, or a program for a security key.
//
// The program gets the bytes on stdin and writes the signature to stdout: raw, in hex or in base64. Its stderr goes to
// the terminal, so that it can ask the user to touch a device. The signature is verified before it is used. No shell is
// involved: the command is split at its spaces.

import { coded } from '#errors/coded-error.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import type { StreamedCommands } from '#system/process/command.ts';
import type { TufKey } from './documents.ts';
import { isValidSignature } from './public-key.ts';

/** Time to find a security key and to touch it. */
const SIGNER_LIMIT_MS = 120_000;
const GRACE_MS = 2_000;
/** The longest signature is that of RSA with 16384 bits, in hex. */
const MAX_OUTPUT_BYTES = 8_192;
const MAX_COMMAND_BYTES = 4_096;
const WRITABLE_BY_OTHERS = 0o022;

/** What running a signer needs. */
export interface SignerPorts {
  readonly files: Files;
  readonly commands: StreamedCommands;
  /** The whole environment of the program. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** A line that the program wrote on stderr. */
  readonly onLine: (line: string) => void;
}

/** Reads NAME.signer. Another user who could write it would choose what runs here. @throws CodedError SIGNING-SIGNER, FILE-* */
export async function readSignerCommand(files: Files, path: string): Promise<string> {
  const facts = await files.facts(path);
  if (facts !== null && ((facts.mode & WRITABLE_BY_OTHERS) !== 0 || ![0, files.self].includes(facts.owner))) {
    throw failed(path, 'the file can be changed by other users; set its mode to 0600');
  }
  return Buffer.from(await readWhole(files, path, MAX_COMMAND_BYTES))
    .toString('utf8')
    .trim();
}

/** The signature in hex. @throws CodedError SIGNING-SIGNER */
export async function signByCommand(
  ports: SignerPorts,
  { command, key, bytes }: { readonly command: string; readonly key: TufKey; readonly bytes: Uint8Array },
): Promise<string> {
  const [path = '', ...given] = command.split(' ').filter((word) => word !== '');
  if (path === '') throw failed(command, 'no command is given');
  const { environment, signal, onLine } = ports;
  const running = ports.commands.start(
    { path, arguments: given, environment, input: bytes },
    { limitMs: SIGNER_LIMIT_MS, graceMs: GRACE_MS, stopGraceMs: GRACE_MS, signal, onError: onLine },
  );
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of running.output) {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) break;
    chunks.push(Buffer.from(chunk));
  }
  const end = await running.end;
  if (length > MAX_OUTPUT_BYTES) throw failed(command, `it wrote more than ${MAX_OUTPUT_BYTES} bytes`);
  if (end.kind === 'not-started') throw failed(command, `it cannot be started (${end.reason})`);
  if (end.kind === 'too-long') throw failed(command, `it did not end within ${SIGNER_LIMIT_MS / 1_000} s`);
  if (end.kind === 'stopped') throw failed(command, 'it was stopped');
  if (end.kind === 'signalled') throw failed(command, `it was ended by ${end.signal}`);
  if (end.status !== 0) throw failed(command, `it ended with status ${end.status}`);
  const valid = readingsOf(Buffer.concat(chunks)).find((signature) => isValidSignature(key, bytes, signature));
  if (valid === undefined) throw failed(command, 'what it wrote is not a signature of these bytes with this key');
  return valid.toString('hex');
}

/** The output as it is, and what it means as hex and as base64. Only one of them can be a valid signature. */
function readingsOf(output: Buffer): readonly Buffer[] {
  const text = output.toString('latin1').replaceAll(/\s/g, '');
  return [
    output,
    ...(/^(?:[0-9a-f]{2})+$/i.test(text) ? [Buffer.from(text, 'hex')] : []),
    ...(/^[A-Za-z0-9+/]+=*$/.test(text) ? [Buffer.from(text, 'base64')] : []),
  ];
}

function failed(command: string, reason: string): Error {
  return coded('SIGNING-SIGNER', { command, reason });
}
