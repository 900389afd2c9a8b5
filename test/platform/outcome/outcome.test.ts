import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACTIVATION_STATES,
  applianceName,
  factsAfter,
  isConnected,
  type OutcomeEvent,
  type OutcomeFacts,
  outcomeOf,
  outcomeText,
} from '#platform/outcome/outcome.ts';

const FAILURE = { code: 'AUTH-REJECTED', leg: 'proxy corp (10.0.0.1:3128)', advice: 'Check the password of corp.' };
const REACHED = { kind: 'reached', address: '10.9.2.7' } as const;
const facts = (more: Partial<OutcomeFacts>): OutcomeFacts => ({
  hostName: 'sensor-07.example.com',
  activation: 'activated',
  connection: REACHED,
  ...more,
});

describe('outcome', () => {
  it('connected and activated: the own name and address of this host, with an en dash or "-"', () => {
    const outcome = outcomeOf(facts({}));
    expect(outcomeText(outcome, { ascii: false })).toBe('SENSOR-07–10.9.2.7');
    expect(outcomeText(outcome, { ascii: true })).toBe('SENSOR-07-10.9.2.7');
    expect(isConnected(outcome)).toBe(true);
  });

  it.each(ACTIVATION_STATES.filter((state) => state !== 'activated'))('connected and %s: USER LOGIN', (activation) => {
    const outcome = outcomeOf(facts({ activation }));
    expect(outcomeText(outcome, { ascii: false })).toBe('USER LOGIN');
    expect(isConnected(outcome)).toBe(true);
  });

  it('connected on a host that needs no activation: its own name', () => {
    expect(outcomeOf(facts({ activation: null })).kind).toBe('connected');
  });

  it.each([...ACTIVATION_STATES, null])(
    'not connected and %s: the code, where it failed, and the advice',
    (activation) => {
      const outcome = outcomeOf(facts({ activation, connection: { kind: 'failed', ...FAILURE } }));
      expect(outcomeText(outcome, { ascii: true })).toBe(
        'APPLIANCE CONFIGURATION ERROR: [AUTH-REJECTED] at proxy corp (10.0.0.1:3128). Check the password of corp.',
      );
      expect(isConnected(outcome)).toBe(false);
    },
  );

  it('is unknown before the first connection and after a change of its settings', () => {
    const known = facts({});
    expect(outcomeOf(factsAfter(known, { kind: 'settings-changed' }))).toEqual({ kind: 'unknown' });
    expect(outcomeText({ kind: 'unknown' }, { ascii: true })).toBe('NOT CONNECTED YET');
  });

  it('shows an IPv4 address that is mapped into IPv6 as IPv4, and none without one', () => {
    const shown = (address: string | null) =>
      outcomeText(outcomeOf(facts({ connection: { kind: 'reached', address } })), { ascii: true });
    expect(shown('::ffff:10.9.2.7')).toBe('SENSOR-07-10.9.2.7');
    expect(shown('2001:db8::7')).toBe('SENSOR-07-2001:db8::7');
    expect(shown(null)).toBe('SENSOR-07');
  });

  it.each([
    ['sensor-07', 'SENSOR-07'],
    ['Sensor-07.lab.example.com', 'SENSOR-07'],
    ['', 'LOCALHOST'],
    ['a\u001b[31mb', 'A??31MB'],
    ['x'.repeat(70), 'X'.repeat(63)],
  ])('names the host %j as %s', (hostName, name) => {
    expect(applianceName(hostName)).toBe(name);
  });

  it('depends on the last connection and the last activation only', () => {
    const event: fc.Arbitrary<OutcomeEvent> = fc.oneof(
      fc.constant<OutcomeEvent>(REACHED),
      fc.constant<OutcomeEvent>({ kind: 'failed', ...FAILURE }),
      fc.constant<OutcomeEvent>({ kind: 'settings-changed' }),
      fc
        .constantFrom(...ACTIVATION_STATES, null)
        .map((activation): OutcomeEvent => ({ kind: 'activation-changed', activation })),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const start = facts({ activation: 'unactivated', connection: { kind: 'none' } });
        const connection = events.findLast(({ kind }) => kind !== 'activation-changed');
        const activation = events.findLast(({ kind }) => kind === 'activation-changed');
        const few = [connection, activation].filter((last) => last !== undefined);
        expect(outcomeOf(events.reduce(factsAfter, start))).toEqual(outcomeOf(few.reduce(factsAfter, start)));
      }),
    );
  });
});
