// The thread in which a PAC file is asked one question: started for it, and ended by whoever waits for the answer.
//
// Guarantees: the script runs in QuickJS inside of WebAssembly and reaches nothing of Node: what it may call is the list
// below, all of it arithmetic but for the look-up of names, which is asked of the main thread and may be refused there.
// Look-ups block here, as browsers do: `if (isInNet(...))` inside a callback would otherwise test a promise.

import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { sandbox } from 'pac-resolver';
import { JSException, type JSValueHandle, QuickJS } from 'quickjs-wasi';
import { ANSWER_BYTES, type PacQuestion, type PacReport, STATE_BYTES } from './question.ts';

/** The package's own limit does not hold (2.2.0: it counts nothing), so the memory is looked at in between. */
const MOST_MEMORY_BYTES = 67_108_864;
/** More than any honest list of proxies; the rest of a longer text is not handed on. */
const LONGEST_ANSWER = 8_192;
const LONGEST_REASON = 500;
const NAME = 'proxy.pac';

type Plain = string | number | boolean | null | undefined;

const question = workerData as PacQuestion;

/** What a PAC file may call; the package's own ways to look up names and its `myIpAddress`, which dials 8.8.8.8, are ours. */
const functions: Readonly<Record<string, (...values: never[]) => Plain>> = {
  ...sandbox,
  alert: () => undefined,
  dnsResolve: (host: unknown) => lookUp(String(host)),
  isResolvable: (host: unknown) => lookUp(String(host)) !== null,
  isInNet: (host: unknown, network: unknown, mask: unknown) => {
    const address = lookUp(String(host));
    return address !== null && isInNet(address, String(network), String(mask));
  },
  myIpAddress: ownAddress,
};

function lookUp(host: string): string | null {
  if (isIPv4(host)) return host;
  const [state, bytes] = [
    new Int32Array(question.shared, 0, 1),
    new Uint8Array(question.shared, STATE_BYTES, ANSWER_BYTES),
  ];
  Atomics.store(state, 0, 0);
  tell({ kind: 'look-up', host: host.slice(0, 255) });
  Atomics.wait(state, 0, 0);
  // Decoders do not read shared memory.
  const address = Buffer.from(bytes.slice(1, 1 + (bytes[0] ?? 0))).toString('latin1');
  return address === '' ? null : address;
}

function isInNet(address: string, network: string, mask: string): boolean {
  if (!isIPv4(network) || !isIPv4(mask)) return false;
  const number = (text: string) => text.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0) >>> 0;
  return (number(address) & number(mask)) === (number(network) & number(mask));
}

/** The first address of this host that is not its own loop. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

async function ask(): Promise<PacReport> {
  let memory: { readonly buffer: ArrayBufferLike } | null = null;
  const vm = await QuickJS.create({
    wasi: (given: { readonly buffer: ArrayBufferLike }) => {
      memory = given;
      return {};
    },
    interruptHandler: () => (memory?.buffer.byteLength ?? 0) > MOST_MEMORY_BYTES,
  });
  for (const [name, call] of Object.entries(functions)) {
    const host = (...values: JSValueHandle[]) => plain(vm, call(...(values.map((value) => vm.dump(value)) as never[])));
    vm.setProp(vm.global, name, vm.newFunction(name, host));
  }
  let find: JSValueHandle;
  try {
    vm.evalCode(question.script, NAME);
    find = vm.evalCode("typeof FindProxyForURL === 'function' ? FindProxyForURL : null", 'sallyport');
  } catch (thrown) {
    return { kind: 'broken', reason: reasonOf(thrown), line: lineOf(thrown) };
  }
  if (vm.typeof(find) !== 'function')
    return { kind: 'broken', reason: 'it has no function FindProxyForURL', line: null };
  try {
    const answer = vm.callFunction(find, vm.undefined, vm.newString(question.url), vm.newString(question.host));
    const type = vm.typeof(answer);
    if (type === 'string') return { kind: 'answered', text: answer.toString().slice(0, LONGEST_ANSWER) };
    return { kind: 'no-text', type: vm.dump(answer) === null ? 'null' : type };
  } catch (thrown) {
    // Where it happened is not told: the interpreter names the line where the function begins.
    return { kind: 'failed', reason: reasonOf(thrown) };
  }
}

function plain(vm: QuickJS, value: Plain): JSValueHandle {
  if (typeof value === 'string') return vm.newString(value);
  if (typeof value === 'number') return vm.newNumber(value);
  if (typeof value === 'boolean') return value ? vm.true : vm.false;
  return value === null ? vm.null : vm.undefined;
}

/** What the script threw. What is none of its exceptions is the machine giving up, such as on an endless recursion. */
function reasonOf(thrown: unknown): string {
  const { name, message } = asError(thrown);
  const reason = thrown instanceof JSException ? `${name}: ${message}` : `the interpreter gave up (${message})`;
  return reason.slice(0, LONGEST_REASON);
}

/** The line of the file that it does not understand. */
function lineOf(thrown: unknown): number | null {
  const line = /proxy\.pac:(\d+)/.exec(asError(thrown).stack ?? '')?.[1];
  return line === undefined ? null : Number(line);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function tell(report: PacReport): void {
  parentPort?.postMessage(report);
}

tell(await ask());
