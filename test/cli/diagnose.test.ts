import { describe, expect, it } from 'vitest';
import { type DiagnoseOptions, diagnoseCommand } from '#cli/diagnose.ts';
import type { Diagnosis } from '#control/control.ts';
import { diagnosisLines } from '#control/text/diagnosis-text.ts';
import { aDiagnosis, aFailure, aPurposeReport, fakeControl } from '#test/support/fake-control.ts';
import { fakeAnswers, fakeTerminal } from '#test/support/fake-terminal.ts';

const OPTIONS: DiagnoseOptions = {
  request: { purposes: null, shell: {}, candidate: null, through: null },
  json: false,
  retryCredential: false,
  signal: new AbortController().signal,
};

function refused(): Diagnosis {
  const failure = aFailure();
  const sentence = `[${failure.code}] updates: ${failure.message}`;
  return aDiagnosis({
    verdict: { outcome: 'failed', sentence, purpose: 'updates', finding: failure },
    purposes: [aPurposeReport({ outcome: 'failed', failure, credential_waits: true })],
  });
}

/** A daemon whose proxy accepts the password once it is allowed to be sent again. */
function withRefusedPassword() {
  const calls: string[] = [];
  const control = fakeControl({
    diagnose: () => {
      calls.push('diagnose');
      return Promise.resolve(calls.some((call) => call.startsWith('retry')) ? aDiagnosis() : refused());
    },
    retryCredentials: (profile) => {
      calls.push(profile === null ? 'retry' : `retry ${profile}`);
      return Promise.resolve();
    },
  });
  return { control, calls };
}

describe('a rejected password', () => {
  it('is not sent again without a terminal or --retry-credential', async () => {
    const { control, calls } = withRefusedPassword();
    const terminal = fakeTerminal();
    expect(await diagnoseCommand(control, terminal, OPTIONS)).toBe(12);
    expect(calls).toEqual(['diagnose']);
    expect(terminal.errors.join('\n')).toContain('--retry-credential');
  });

  it.each([
    ['y', ['diagnose', 'retry', 'diagnose'], 0],
    ['', ['diagnose'], 12],
    ['n', ['diagnose'], 12],
  ])('is sent again only if the user agrees at the terminal: "%s"', async (answer, expected, status) => {
    const { control, calls } = withRefusedPassword();
    const terminal = fakeTerminal(fakeAnswers([['once more', answer]]));
    expect(await diagnoseCommand(control, terminal, OPTIONS)).toBe(status);
    expect(calls).toEqual(expected);
  });

  it('is retried only for the tested profile, if that is saved', async () => {
    const { control, calls } = withRefusedPassword();
    const options = { ...OPTIONS, retryCredential: true };
    const request = { ...OPTIONS.request, through: 'corp' };
    await diagnoseCommand(control, fakeTerminal(), { ...options, request });
    await diagnoseCommand(control, fakeTerminal(), {
      ...options,
      request: { ...request, candidate: { text: '', typed: [] } },
    });
    expect(calls).toEqual(['retry corp', 'diagnose', 'retry', 'diagnose']);
  });

  it('is sent once with --retry-credential, without a question', async () => {
    const { control, calls } = withRefusedPassword();
    expect(await diagnoseCommand(control, fakeTerminal(), { ...OPTIONS, retryCredential: true })).toBe(0);
    expect(calls).toEqual(['retry', 'diagnose']);
  });
});

const PLAIN = { color: false, width: Number.POSITIVE_INFINITY };
const COLORED = { ...PLAIN, color: true };

describe('diagnosis as text', () => {
  it('has the cause in the first line and what to check in the second', () => {
    const [first, second] = diagnosisLines(refused(), PLAIN);
    expect(first).toBe('[AUTH-REJECTED] updates: Proxy corp rejected user svc.');
    expect(second).toBe('  At proxy corp (proxy.example.com:3128). Check user and password of the proxy corp.');
  });

  it('begins with the user it ran as, if that is not the service', () => {
    const diagnosis = aDiagnosis({ as: { user: 'admin', pid: 1, service: false } });
    expect(diagnosisLines(diagnosis, PLAIN)[0]).toBe('Running as admin, not as the service.');
  });

  it('lists what succeeded on a line of its own, and then not in the advice', () => {
    const diagnosis = refused();
    const [report] = diagnosis.purposes;
    if (report?.failure == null || diagnosis.verdict.finding === null) throw new Error('no failure');
    const check = 'Ask the proxy team. Already succeeded: connection.';
    const finding = { ...diagnosis.verdict.finding, check, advice: 'Ask the proxy team.' };
    const told = { ...diagnosis, verdict: { ...diagnosis.verdict, finding } };
    expect(diagnosisLines(told, PLAIN).slice(1, 3)).toEqual([
      '  At proxy corp (proxy.example.com:3128). Ask the proxy team.',
      '  Already succeeded: TCP.',
    ]);
    const unlisted = { ...told, purposes: [{ ...report, stages: [] }] };
    expect(diagnosisLines(unlisted, PLAIN)[1]).toBe(`  At proxy corp (proxy.example.com:3128). ${check}`);
  });

  it('fits into a window of 80 columns, with the same words and colors', () => {
    const diagnosis = refused();
    const narrow = diagnosisLines(diagnosis, { ...COLORED, width: 80 }).map((line) =>
      line.replaceAll(/\u001b\[\d+m/g, ''),
    );
    expect(narrow.filter((line) => line.length > 80)).toEqual([]);
    const words = (lines: readonly string[]) => lines.join(' ').split(/ +/).toSorted();
    expect(words(narrow)).toEqual(words(diagnosisLines(diagnosis, PLAIN)));
  });

  it('has the same words with and without color', () => {
    const plain = diagnosisLines(refused(), PLAIN).join('\n');
    const colored = diagnosisLines(refused(), COLORED).join('\n');
    expect(plain).not.toContain('\u001b');
    expect(colored).toContain('\u001b[31mFAILED\u001b[0m');
    expect(colored.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain);
  });

  it('marks a purpose that is not enabled in row, stages and second opinion', () => {
    const opinion = { proxy: null, status: null, code: null, elapsed_ms: null, without: [], outcome: 'same' as const };
    const purposes = [
      aPurposeReport({ second_opinion: { ...opinion, says: 'Both get through.' } }),
      aPurposeReport({
        purpose: 'platform',
        enabled: false,
        second_opinion: { ...opinion, says: 'An ordinary Node client gets the same 403.' },
      }),
      aPurposeReport({ purpose: 'support_logs', enabled: false, outcome: 'not configured', target: null, how: null }),
    ];
    const lines = diagnosisLines(aDiagnosis({ purposes }), PLAIN);
    const colored = diagnosisLines(aDiagnosis({ purposes }), COLORED);
    expect(lines.filter((line) => line.includes('not enabled'))).toEqual([
      '  platform (not enabled): An ordinary Node client gets the same 403.',
      expect.stringMatching(/^platform +ok \(not enabled\) +corp \(tunnel\) /),
      expect.stringMatching(/^platform \(not enabled\) to https/),
    ]);
    expect(colored.join('\n')).toContain('\u001b[32mok\u001b[0m (not enabled)');
  });

  it('marks the hosts whose TLS is intercepted', () => {
    const endpoints = ['a.example.com:443', 'b.example.com:443'].map((endpoint, index) => ({
      endpoint,
      outcome: index === 0 ? ('ok' as const) : ('intercepted' as const),
      issuer: 'CN=Corp',
      expires: null,
      code: index === 0 ? null : 'TLS-INTERCEPTED',
    }));
    const lines = diagnosisLines(aDiagnosis({ purposes: [aPurposeReport({ endpoints })] }), PLAIN);
    expect(lines.filter((line) => line.includes('INTERCEPTED'))).toEqual([
      expect.stringContaining('b.example.com:443'),
    ]);
  });
});
