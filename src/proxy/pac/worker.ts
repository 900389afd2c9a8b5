// The thread in which a PAC file is asked one question: started for it, and ended by whoever waits for the answer.
//
// Guarantees: the script runs in QuickJS inside of WebAssembly and reaches nothing of Node: what it may call is
// arithmetic but for the look-up of names, which is asked of the main thread and may be refused there. Its memory has a
// maximum that the engine holds, also inside one native call, and only short texts of it are copied out.
// Look-ups block here, as browsers do: `if (isInNet(...))` inside a callback would otherwise test a promise.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { JSException, type JSValueHandle, QuickJS } from 'quickjs-wasi';
import { dateRange, timeRange, weekdayRange } from './date-functions.ts';
import { hostFunctions, type PacValue } from './host-functions.ts';
import { ANSWER_BYTES, type Family, type PacQuestion, type PacReport, STATE_BYTES } from './question.ts';
import { limitMemory } from './wasm-memory.ts';

/** The package's own limit counts nothing (2.2.0), so the module is given a maximum. A file of 1 MiB takes some 10 MiB. */
const MAX_MEMORY_BYTES = 67_108_864;
/** More than any honest list of proxies; the rest of a longer text is not handed on. */
const MAX_ANSWER_LENGTH = 8_192;
/** More than the longest URL that is asked about. */
const MAX_ARGUMENT_LENGTH = 65_536;
const MAX_REASON_LENGTH = 500;
const NAME = 'proxy.pac';
/** The name of a thrown null or undefined, as the package reads it. */
const NOTHING = '<null>';
/** What WASI answers for a file that is not open: the script has no output. */
const NOT_OPEN = 8;

const question = workerData as PacQuestion;

const now = new Date(question.nowMs);

/** What a PAC file may call. */
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
  // Decoders do not read shared memory.
  const addresses = Buffer.from(bytes.slice(0, Atomics.load(state, 1))).toString('latin1');
  return addresses === '' ? [] : addresses.split(' ');
}

/** The addresses of this host that are not its own loop, IPv6 before IPv4. */
function ownAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const of = (wanted: string) => outer.filter(({ family }) => family === wanted).map(({ address }) => address);
  return [...of('IPv6'), ...of('IPv4')];
}

/** What of the interpreter is used on values of the script, kept before the script can change it. */
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
    const host = (...values: JSValueHandle[]) => handed(vm, call(...values.map((value) => given(tools, value))));
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
    if (type === 'string') return { kind: 'answered', text: beginOf(tools, answer, MAX_ANSWER_LENGTH) };
    return { kind: 'no-text', type: type === 'object' && answer.isNull ? 'null' : type };
  } catch (thrown) {
    // Where it happened is not told: the interpreter names the line where the function begins.
    return { kind: 'failed', reason: reasonOf(thrown) };
  }
}

/** Microsoft's name is for files that have no other: browsers outside of Windows call the first one alone. */
const ENTRY = `typeof FindProxyForURL === 'function' ? FindProxyForURL
  : typeof FindProxyForURLEx === 'function' ? FindProxyForURLEx : null`;

/** An argument of a call. @throws Error for a text that nothing here is made for */
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

function beginOf({ vm, cut }: Tools, text: JSValueHandle, most: number): string {
  return text.length <= most
    ? text.toString()
    : vm.callFunction(cut, text, vm.newNumber(0), vm.newNumber(most)).toString();
}

function handed(vm: QuickJS, value: PacValue): JSValueHandle {
  if (typeof value === 'string') return vm.newString(value);
  if (typeof value === 'number') return vm.newNumber(value);
  if (typeof value === 'boolean') return value ? vm.true : vm.false;
  return value === null ? vm.null : vm.undefined;
}

/** What the script threw. What is none of its exceptions is the machine giving up, such as on an endless recursion. */
function reasonOf(thrown: unknown): string {
  const { name, message } = asError(thrown);
  const limit = `${MAX_MEMORY_BYTES / 1_048_576} MiB`;
  if (message === 'out of memory') return `it needs more than the ${limit} of memory that it may have`;
  // With its memory full the interpreter cannot even make the error.
  if (name === NOTHING) return `it threw null or undefined, or needs more than the ${limit} of memory that it may have`;
  const reason = thrown instanceof JSException ? `${name}: ${message}` : `the interpreter gave up (${message})`;
  return reason.slice(0, MAX_REASON_LENGTH);
}

/** The line of the file that it does not understand. */
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
