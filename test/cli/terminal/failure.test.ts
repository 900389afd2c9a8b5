import { describe, expect, it } from 'vitest';
import { exitStatusOf, printError } from '#cli/terminal/failure.ts';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';
import { atHop } from '#errors/hop.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { aFailure } from '#test/support/fake-control.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

describe('a failure on stderr', () => {
  it('has code and sentence, then the hop and what to check', () => {
    const terminal = fakeTerminal();
    const error = coded('CONTROL-UNREACHABLE', { path: '/run/x.sock', reason: 'EACCES' });
    expect(printError(terminal, error, new KnownSecrets())).toBe(19);
    expect(terminal.printed).toEqual([]);
    expect(terminal.errors).toEqual([
      '[CONTROL-UNREACHABLE] Cannot reach the daemon at /run/x.sock: EACCES.',
      `  ${error.check}`,
    ]);
  });

  it('names this host only if the network is involved', () => {
    expect(atHop('this host', 'config')).toBe('');
    expect(atHop('this host', 'system')).toBe('');
    expect(atHop('this host', 'dns')).toBe('At this host. ');
    expect(atHop('proxy corp (p:3128)', 'config')).toBe('At proxy corp (p:3128). ');
  });

  it('has the exit status of its class, whatever the code', () => {
    for (const code of Object.keys(CATALOGUE) as Code[]) {
      const error = new CodedError(code, {});
      expect(printError(fakeTerminal(), error, new KnownSecrets())).toBe(EXIT_STATUS[error.entry.class]);
      expect(exitStatusOf(aFailure({ class: error.entry.class }))).toBe(EXIT_STATUS[error.entry.class]);
    }
  });

  it('contains no known secret', () => {
    const known = new KnownSecrets();
    known.add('hunter2-hunter2');
    const terminal = fakeTerminal();
    printError(terminal, coded('INTERNAL', { reason: 'saw hunter2-hunter2', hop: 'hunter2-hunter2' }), known);
    expect(terminal.errors.join('\n')).not.toContain('hunter2');
  });
});
