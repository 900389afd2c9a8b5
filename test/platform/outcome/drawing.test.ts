import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ACTIVATION_STATES,
  type ConnectionResult,
  factsAfter,
  type OutcomeEvent,
  outcomeOf,
} from '#platform/outcome/outcome.ts';

const FAILURE = { code: 'TCP-REFUSED', leg: null, advice: 'Check the port.' };
const CONNECTIONS: readonly ConnectionResult[] = [
  { kind: 'none' },
  { kind: 'reached', address: null },
  { kind: 'failed', ...FAILURE },
];
const ACTIVATIONS = [...ACTIVATION_STATES, null];
const EVENTS: readonly OutcomeEvent[] = [
  { kind: 'reached', address: null },
  { kind: 'failed', ...FAILURE },
  { kind: 'settings-changed' },
  ...ACTIVATIONS.map((activation) => ({ kind: 'activation-changed', activation }) as const),
];

/** Every transition to another state, from every fact by every event. */
function transitions(): string[] {
  const found = ACTIVATIONS.flatMap((activation) =>
    CONNECTIONS.flatMap((connection) => {
      const facts = { hostName: 'sensor-07', activation, connection };
      return EVENTS.flatMap((event) => {
        const [from, to] = [outcomeOf(facts).kind, outcomeOf(factsAfter(facts, event)).kind];
        return from === to ? [] : [`${from} --> ${to}: ${event.kind}`];
      });
    }),
  );
  return [...new Set(found)].sort();
}

describe('outcome picture', () => {
  it('has every transition of the code, and no other', () => {
    const page = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8');
    const section = page.split('## What a host shows')[1]?.split('\n## ')[0] ?? '';
    const drawn = [...section.matchAll(/^ {2}(\w+) --> (\w+): (\S+)$/gm)].map(
      ([, from = '', to = '', event = '']) => `${from.replace('_', '-')} --> ${to.replace('_', '-')}: ${event}`,
    );
    expect(drawn.sort()).toEqual(transitions());
  });
});
