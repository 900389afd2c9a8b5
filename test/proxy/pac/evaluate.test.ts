import '#test/support/built-threads.ts';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { evaluatePac, type PacEvaluation } from '#proxy/pac/evaluate.ts';
import { systemClock } from '#system/clock.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const AMPLE_MS = 15_000;

function ask(body: string, options: Partial<PacEvaluation> = {}) {
  return evaluatePac({
    script: `function FindProxyForURL(url, host) { ${body} }`,
    url: 'https://updates.example/',
    host: 'updates.example',
    lookUp: () => Promise.resolve([]),
    limitMs: AMPLE_MS,
    clock: systemClock,
    signal: new AbortController().signal,
    late: (elapsed) => coded('PAC-TIMEOUT', { where: 'proxy.pac', proxy: 'corp', url: 'x', elapsed }),
    ...options,
  });
}

const answers = (body: string, options?: Partial<PacEvaluation>) => ask(`return String(${body});`, options);

describe('a PAC script', () => {
  it('gets URL and host, and returns a result', async () => {
    expect(await ask('return "PROXY " + host + ":1; for " + url;')).toEqual({
      kind: 'answered',
      text: 'PROXY updates.example:1; for https://updates.example/',
    });
  });

  it.each([
    ['dnsDomainIs(host, ".example")', 'true'],
    ['shExpMatch(host, "*.example")', 'true'],
    ['isPlainHostName(host)', 'false'],
    ['localHostOrDomainIs("updates", "updates.example")', 'true'],
    ['dnsDomainLevels(host)', '1'],
    ['weekdayRange("SUN", "SAT")', 'true'],
    ['typeof myIpAddress()', 'string'],
    ['alert("x")', 'undefined'],
    // Modern JavaScript, which PAC files of today hold.
    ['[1].map((one) => one?.toFixed())[0] ?? 2', '1'],
  ])('may call %s', async (call, text) => {
    expect(await answers(call)).toEqual({ kind: 'answered', text });
  });

  it('has no access to Node', async () => {
    const names = ['process', 'require', 'fetch', 'WebAssembly', 'Buffer', 'Worker', 'setTimeout'];
    expect(await answers(names.map((name) => `typeof ${name}`).join('+'))).toEqual({
      kind: 'answered',
      text: 'undefined'.repeat(names.length),
    });
  });

  it.each([
    ['return null', { kind: 'no-text', type: 'null' }],
    ['', { kind: 'no-text', type: 'undefined' }],
    ['return 5', { kind: 'no-text', type: 'number' }],
    ['return { toString() { return "DIRECT" } }', { kind: 'no-text', type: 'object' }],
    ['\n\nreturn nothing()', { kind: 'failed', reason: 'ReferenceError: nothing is not defined' }],
    ['throw 5', { kind: 'failed', reason: 'Error: 5' }],
    ['shExpMatch(host, "(")', { kind: 'failed', reason: expect.stringContaining('Invalid regular') }],
  ])('that does %j has the right outcome', async (body, outcome) => {
    expect(await ask(body)).toMatchObject(outcome);
  });

  it.each([
    ['a mistake', 'function FindProxyForURL() {\n let x = ;\n}', 2, /^SyntaxError: /],
    ['a page in its place', '<html><title>Welcome</title>', 1, /^SyntaxError: /],
    ['another function', 'function Find() {}', null, /^it has no function FindProxyForURL$/],
    ['nothing', '', null, /FindProxyForURL/],
  ])('with %s is broken, with the line', async (_what, script, line, reason) => {
    expect(await ask('', { script })).toEqual({ kind: 'broken', line, reason: expect.stringMatching(reason) });
  });

  it('uses the given clock', async () => {
    const clock = new FakeClock(Date.UTC(2026, 11, 24, 23, 30));
    const call = 'dateRange(24, "DEC", "GMT") + " " + timeRange(23, "GMT") + " " + weekdayRange("THU", "GMT")';
    expect(await answers(call, { clock })).toEqual({ kind: 'answered', text: 'true true true' });
  });

  it('a PAC file: calling a function with invalid arguments fails instead of returning false', async () => {
    const outcome = await answers('dateRange("FOO")');
    expect(outcome).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/dateRange was given "FOO"/) });
  });

  it.each(['FindProxyForURL', 'FindProxyForURLEx'])('with only %s is called by that name', async (name) => {
    const outcome = await ask('', { script: `function ${name}(url, host) { return "PROXY " + host + ":1"; }` });
    expect(outcome).toEqual({ kind: 'answered', text: 'PROXY updates.example:1' });
  });

  it('with both names is called by the one of all browsers', async () => {
    const script =
      'function FindProxyForURL() { return "PROXY a:1" } function FindProxyForURLEx() { return "PROXY b:1" }';
    expect(await ask('', { script })).toEqual({ kind: 'answered', text: 'PROXY a:1' });
  });

  it('a PAC file: a result that is too long for a list is cut to its start', async () => {
    expect(await ask('return "PROXY a:1; ".repeat(100000);')).toMatchObject({
      text: expect.stringMatching(/^.{8192}$/),
    });
  });
});

describe('PAC evaluation: names', () => {
  const asked: string[] = [];
  const lookUp: PacEvaluation['lookUp'] = (name, family) => {
    asked.push(`${name} ${family}`);
    if (name !== 'inside.example') return Promise.resolve([]);
    return Promise.resolve(family === 'any' ? ['2001:db8::7', '10.1.2.3'] : ['10.1.2.3']);
  };

  it.each([
    ['dnsResolve("inside.example")', '10.1.2.3'],
    ['dnsResolve("outside.example")', 'null'],
    ['dnsResolveEx("inside.example")', '2001:db8::7;10.1.2.3'],
    ['isInNet("inside.example", "10.0.0.0", "255.0.0.0")', 'true'],
    // As browsers do it: the look-up blocks, also inside of a callback.
    ['["10.0.0.0"].some((net) => isInNet("inside.example", net, "255.0.0.0"))', 'true'],
  ])('are looked up by the caller: %s', async (call, text) => {
    expect(await answers(call, { lookUp })).toEqual({ kind: 'answered', text });
  });

  it('are looked up in the address family of the function', async () => {
    asked.length = 0;
    await answers('dnsResolve("a") + isResolvable("b") + dnsResolveEx("c") + isInNetEx("d", "10.0.0.0/8")', { lookUp });
    expect(asked).toEqual(['a ipv4', 'b ipv4', 'c any', 'd any']);
  });

  it('with many addresses return as many as fit', async () => {
    const many = Array.from({ length: 16 }, () => '1111:2222:3333:4444:5555:6666:255.255.255.255');
    const outcome = await answers('dnsResolveEx("x")', { lookUp: () => Promise.resolve(many) });
    expect(outcome).toEqual({ kind: 'answered', text: many.join(';') });
  });

  it('that cannot be looked up are null, for any reason', async () => {
    const outcome = await answers('dnsResolve("x")', { lookUp: () => Promise.reject(new Error('down')) });
    expect(outcome).toEqual({ kind: 'answered', text: 'null' });
  });
});

describe('an endless PAC script', () => {
  it.each([
    ['in its function', 'while (true);', {}],
    ['before it', '', { script: 'while (true);' }],
    ['in a regular expression', 'return /(a+)+$/.test("a".repeat(40) + "b");', {}],
    ['in a look-up', 'return dnsResolve("x");', { lookUp: () => new Promise<never>(() => {}) }],
  ])('%s is stopped at its limit, and the event loop keeps running', async (_where, body, options) => {
    let turns = 0;
    let watching = true;
    const turn = () => {
      turns += 1;
      if (watching) setImmediate(turn);
    };
    turn();
    const asking = ask(body, { limitMs: 300, ...options });
    await expect(asking).rejects.toMatchObject({ code: 'PAC-TIMEOUT' });
    watching = false;
    expect(turns).toBeGreaterThan(100);
  });

  it('is stopped at the abort, and leaves no timer', async () => {
    const clock = new CountingClock();
    const controller = new AbortController();
    const asking = ask('while (true);', { clock, signal: controller.signal });
    controller.abort(new Error('stop'));
    await expect(asking).rejects.toThrow('stop');
    expect([clock.made, clock.pending]).toEqual([1, 0]);
  });
});
