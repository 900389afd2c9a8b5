// The thread that evaluates a PAC file for one URL. The caller starts it and ends it.
//
// Guarantees: the script runs in QuickJS inside WebAssembly and cannot reach Node. The functions that it may call only
// compute; for a name look-up they ask the main thread. The engine enforces a memory limit, even within one native
// call, and only short texts are copied out. Look-ups block the thread, as in browsers: otherwise `if (isInNet(...))`
// inside a callback would test a promise.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { JSException, type JSValueHandle, QuickJS } from 'quickjs-wasi';
import { dateRange, timeRange, weekdayRange } from './date-functions.ts';
import { hostFunctions, type PacValue } from './host-functions.ts';
import { ANSWER_BYTES, type Family, type PacQuestion, type PacReport, STATE_BYTES } from './question.ts';
import { limitMemory } from './wasm-memory.ts';

/** The package's own limit has no effect (2.2.0), so the module gets a maximum. A file of 1 MiB takes about 10 MiB. */
const MAX_MEMORY_BYTES = 67_108_864;
/** More than any real list of proxies; the rest of a longer text is cut. */
const MAX_ANSWER_LENGTH = 8_192;
/** More than the longest URL that is evaluated. */
const MAX_ARGUMENT_LENGTH = 65_536;
const MAX_REASON_LENGTH = 500;
const NAME = 'proxy.pac';
/** The package's name for a thrown null or undefined. */
const NOTHING = '<null>';
/** The WASI result for a file that is not open: the script has no output. */
const NOT_OPEN = 8;

const question = workerData as PacQuestion;

const now = new Date(question.nowMs);

/** The functions that a PAC file may call. */
const functions: Readonly<Record<string, (...given: unknown[]) => PacValue>> = {
  ...hostFunctions(lookUp, ownAddresses),
  weekdayRange: (...given) => weekdayRange(now, given),
  dateRange: (...given) => dateRange(now, given),
  timeRange: (...given) => timeRange(now, given),
};

function lookUp(host: string, family: Family): readonly string[] {
  const state = new Int32Array(question.shared, 0, 2);
  const bytes = new Uint8Array(question.shared, STATE_BYTES, ANSWER_BYTES);
  Atomics.store(state, 0, 0);
  send({ kind: 'look-up', host: host.slice(0, 255), family });
  Atomics.wait(state, 0, 0);
  // Decoders cannot read shared memory.
  const addresses = Buffer.from(bytes.slice(0, Atomics.load(state, 1))).toString('latin1');
  return addresses === '' ? [] : addresses.split(' ');
}

/** The addresses of this host without loopback, IPv6 before IPv4. */
function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const of = (wanted: string) => outer.filter(({ family }) => family === wanted).map(({ address }) => address);
  return [...of('IPv6'), ...of('IPv4')];
}

/** Interpreter functions used on values of the script, saved before the script can change them. */
interface Tools {
  readonly vm: QuickJS;
  readonly toText: JSValueHandle;
  readonly cut: JSValueHandle;
}

async function makeTools(): Promise<Tools> {
  const module = readFileSync(new URL('../../../node_modules/quickjs-wasi/quickjs.wasm', import.meta.url));
  const vm = await QuickJS.create({
    wasm: limitMemory(module, MAX_MEMORY_BYTES),
    wasi: () => ({ fd_write: () => NOT_OPEN }),
  });
  const tools = { vm, toText: vm.evalCode('String'), cut: vm.evalCode('String.prototype.slice') };
  for (const [name, call] of Object.entries(functions)) {
    const host = (...values: JSValueHandle[]) => toHandle(vm, call(...values.map((value) => given(tools, value))));
    vm.setProp(vm.global, name, vm.newFunction(name, host));
  }
  return tools;
}

async function ask(): Promise<PacReport> {
  const tools = await makeTools();
  const { vm } = tools;
  let find: JSValueHandle;
  try {
    vm.evalCode(question.script, NAME);
    find = vm.evalCode(ENTRY, 'sallyport');
  } catch (thrown) {
    return { kind: 'broken', reason: reasonOf(thrown), line: lineOf(thrown) };
  }
  if (vm.typeof(find) !== 'function')
    return { kind: 'broken', reason: 'it has no function FindProxyForURL', line: null };
  try {
    const answer = vm.callFunction(find, vm.undefined, vm.newString(question.url), vm.newString(question.host));
    const type = vm.typeof(answer);
    if (type === 'string') return { kind: 'answered', text: prefixOf(tools, answer, MAX_ANSWER_LENGTH) };
    return { kind: 'no-text', type: type === 'object' && answer.isNull ? 'null' : type };
  } catch (thrown) {
    // The line is omitted: the interpreter reports the line where the function begins.
    return { kind: 'failed', reason: reasonOf(thrown) };
  }
}

/** Microsoft's name is for files that have no other: browsers outside Windows call only the first one. */
const ENTRY = `typeof FindProxyForURL === 'function' ? FindProxyForURL
  : typeof FindProxyForURLEx === 'function' ? FindProxyForURLEx : null`;

/**
 * An argument of a call.
 * @throws Error for a text that is too long
 */
function given(tools: Tools, value: JSValueHandle): PacValue {
  const { vm, toText } = tools;
  const type = vm.typeof(value);
  if (type === 'number') return value.toNumber();
  if (type === 'undefined' || value.isNull) return value.isNull ? null : undefined;
  if (type === 'boolean') return vm.dump(value) === true;
  const text = type === 'string' ? value : vm.callFunction(toText, vm.undefined, value);
  if (text.length > MAX_ARGUMENT_LENGTH) throw new RangeError(`a text of more than ${MAX_ARGUMENT_LENGTH} characters`);
  return text.toString();
}

function prefixOf({ vm, cut }: Tools, text: JSValueHandle, most: number): string {
  return text.length <= most
    ? text.toString()
    : vm.callFunction(cut, text, vm.newNumber(0), vm.newNumber(most)).toString();
}

function toHandle(vm: QuickJS, value: PacValue): JSValueHandle {
  if (typeof value === 'string') return vm.newString(value);
  if (typeof value === 'number') return vm.newNumber(value);
  if (typeof value === 'boolean') return value ? vm.true : vm.false;
  return value === null ? vm.null : vm.undefined;
}

/**
 * Describes what the script threw. Anything but a script exception means that the interpreter gave up, for example on
 * an endless recursion.
 */
function reasonOf(thrown: unknown): string {
  const { name, message } = asError(thrown);
  const limit = `${MAX_MEMORY_BYTES / 1_048_576} MiB`;
  if (message === 'out of memory') return `it needs more than the ${limit} of memory that it may have`;
  // With its memory full, the interpreter cannot even create the error.
  if (name === NOTHING) return `it threw null or undefined, or needs more than the ${limit} of memory that it may have`;
  const reason = thrown instanceof JSException ? `${name}: ${message}` : `the interpreter gave up (${message})`;
  return reason.slice(0, MAX_REASON_LENGTH);
}

/** The line of the file that the interpreter rejects. */
function lineOf(thrown: unknown): number | null {
  const line = /proxy\.pac:(\d+)/.exec(asError(thrown).stack ?? '')?.[1];
  return line === undefined ? null : Number(line);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function send(report: PacReport): void {
  parentPort?.postMessage(report);
}

send(await ask());
