import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PacProbe } from '#test/support/pac-memory-probe.ts';

const PROBE = fileURLToPath(new URL('../../support/pac-memory-probe.ts', import.meta.url));

/** Growth limit of the whole process: 64 MiB for a script, and the memory for reading a message half that size. */
const MAX_GROWN_MIB = 256;
/** As the program has it. A loop that never ends needs less. */
const LIMIT_MS = 5_000;
const LOOP_LIMIT_MS = 1_000;
/** The start of the thread and its end come with the limit. */
const LATEST_MS = 10_000;

const FULL = { kind: 'failed', reason: expect.stringMatching(/more than the 64 MiB of memory/) };
const LATE = { thrown: expect.stringMatching(/PAC-TIMEOUT/) };
/** A native call that is slow as well: whichever limit comes first. */
const EITHER = expect.toSatisfy((outcome: object) => 'thrown' in outcome || JSON.stringify(outcome).includes('64 MiB'));

const ROWS: readonly (readonly [call: string, body: string, outcome: object])[] = [
  ['repeat', 'return "x".repeat(2 ** 29).length', FULL],
  ['padStart', 'return "x".padStart(2 ** 29).length', FULL],
  ['an array that is filled', 'return new Array(2 ** 27).fill(1).length', FULL],
  ['a buffer', 'return new ArrayBuffer(2 ** 30).byteLength', FULL],
  ['JSON', 'return JSON.stringify(new Array(2 ** 20).fill("x".repeat(1000)))', EITHER],
  ['join', 'return new Array(2 ** 24).join("xxxx").length', EITHER],
  ['a chain of objects', 'let o = {}; for (let i = 0; i < 1e6; i += 1) o = { o }; return JSON.stringify(o)', EITHER],
  ['a loop', 'const all = []; for (;;) all.push("x".repeat(1e5) + all.length)', EITHER],
  ['a loop that catches', 'const all = []; for (;;) try { all.push("x".repeat(1e5) + all.length) } catch {}', LATE],
  ['an argument', 'alert("x".repeat(2 ** 24))', { kind: 'failed', reason: expect.stringMatching(/65536/) }],
  ['an error', 'throw new Error("x".repeat(2 ** 24))', { kind: 'failed' }],
  ['an answer', 'return "x".repeat(2 ** 24)', { kind: 'answered' }],
  ['an endless recursion', 'return FindProxyForURL(url, host)', { kind: 'failed' }],
];

function limitAndBody([, body, outcome]: (typeof ROWS)[number]): [string, string] {
  return [String(outcome === LATE ? LOOP_LIMIT_MS : LIMIT_MS), body];
}

describe('the memory of a PAC file', () => {
  const found = new Map<string, PacProbe>();

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [PROBE, ...ROWS.flatMap(limitAndBody)]);
    for (const [at, probe] of (JSON.parse(stdout) as PacProbe[]).entries()) found.set(ROWS[at]?.[0] ?? '', probe);
  }, 120_000);

  it.each(ROWS)(
    'the memory of a PAC file: %s does not exceed the limit, measured over the whole process',
    (call, _body, outcome) => {
      const { grownMib = Number.NaN, tookMs, outcome: seen } = found.get(call) ?? {};

      expect(seen).toEqual(outcome.constructor === Object ? expect.objectContaining(outcome) : outcome);
      expect(grownMib).toBeLessThan(MAX_GROWN_MIB);
      expect(tookMs).toBeLessThan(LATEST_MS);
    },
  );
});
