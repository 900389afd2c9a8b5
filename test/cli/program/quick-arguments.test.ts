import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Actions, runProgram } from '#cli/program/program.ts';
import { readStatusCall, readSubmission, type StatusCall, type SubmitCall } from '#cli/program/quick-arguments.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

/** What the parser of all commands calls this command with; null if it does not. */
async function parsed(command: 'submit' | 'status', args: readonly string[]): Promise<unknown> {
  let call: unknown = null;
  const take = (globals: object, options: object) => {
    call = { globals: { ...globals }, options: { ...options } };
    return Promise.resolve(0);
  };
  const others = () => Promise.resolve(0);
  const actions = new Proxy({} as Actions, { get: (_, name) => (name === command ? take : others) });
  await runProgram(args, { actions, terminal: fakeTerminal(), version: '0' });
  return call;
}

const COMMON = ['-c', '--config', '--json', '-', '--', '--help', '-x', '-cfile', '--config=file'];
const WORDS = {
  submit: ['submit', '--quiet', 'a.ndjson', 'b', 'help', '', 'status', ...COMMON],
  status: ['status', '-v', '--verbose', '--check', '-w', '--watch', '-vw', 'a', 'submit', ...COMMON],
};

/** Reads random arguments in both ways. @returns how many were not left to the parser */
async function compare(
  command: 'submit' | 'status',
  read: (args: readonly string[]) => SubmitCall | StatusCall | null,
): Promise<number> {
  const word = fc.constantFrom(...WORDS[command]);
  const args = fc.oneof(
    fc.array(word, { maxLength: 6 }),
    fc.array(word, { maxLength: 4 }).map((rest) => [command, ...rest]),
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(args, async (given) => {
      const call = read(given);
      if (call === null) return;
      taken += 1;
      const { globals, options } = (await parsed(command, given)) as StatusCall;
      const { watch = false, ...others } = options as StatusCall['options'] & { readonly watch?: boolean };
      expect(call).toEqual({ globals, options: others });
      expect(watch).toBe(false);
    }),
    { numRuns: 300 },
  );
  return taken;
}

describe('quick arguments', () => {
  it('quick arguments: those of submit are read as the parser reads them, or not at all', async () => {
    expect(await compare('submit', readSubmission)).toBeGreaterThan(30);
  });

  it('quick arguments: those of status are read as the parser reads them, or not at all', async () => {
    expect(await compare('status', readStatusCall)).toBeGreaterThan(30);
  });

  it.each([
    { args: ['submit'], files: [], config: undefined },
    { args: ['submit', '-', '--quiet', '-c', 'f.yaml'], files: ['-'], config: 'f.yaml' },
    { args: ['--config', 'f.yaml', 'submit', 'a', 'b', '--json'], files: ['a', 'b'], config: 'f.yaml' },
  ])('quick arguments: $args are read at once', ({ args, files, config }) => {
    expect(readSubmission(args)).toMatchObject({ options: { files } });
    expect(readSubmission(args)?.globals.config).toBe(config);
  });

  it.each([
    { args: ['status'], options: { verbose: false, json: false, check: false } },
    { args: ['-c', 'f.yaml', 'status', '--check'], options: { verbose: false, json: false, check: true } },
    { args: ['status', '-v', '--json'], options: { verbose: true, json: true, check: false } },
  ])('quick arguments: $args are read at once', ({ args, options }) => {
    expect(readStatusCall(args)?.options).toEqual(options);
  });

  it.each([[[]], [['status', 'submit']], [['submit', '--help']], [['submit', '-c']], [['submit', '--', 'a']]])(
    'quick arguments: %j are left to the parser of all commands',
    (args) => {
      expect(readSubmission(args)).toBeNull();
    },
  );

  it.each([[['status', '--watch']], [['status', '--check', '--json']], [['status', 'a']], [['-v', 'status']]])(
    'quick arguments: %j are left to the parser of all commands',
    (args) => {
      expect(readStatusCall(args)).toBeNull();
    },
  );
});
