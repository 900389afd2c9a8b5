// The outcome of this host. It is one of four states: connected, connected but not activated, not connected, or not
// known yet. Pure.
//
// Guarantees: status, health, diagnosis, activation and menu all use this state. "Connected but not activated" means
// that the connection works, so the proxy is not the cause. docs/architecture.md has a picture of the states and
// transitions, which a test compares with the code.

import { fillTemplate } from '#errors/template.ts';

/** The state of the activation, as it is stored and sent to the platform. */
export const ACTIVATION_STATES = ['unactivated', 'activated', 'expired', 'revoked'] as const;
export type ActivationState = (typeof ACTIVATION_STATES)[number];

/** Why a connection failed. */
interface ConnectionFailure {
  /** A code of the catalogue. */
  readonly code: string;
  /** Where it failed, such as `proxy corp (proxy.example.com:3128)`; null if that is not known. */
  readonly leg: string | null;
  /** What to check or do, in one line that is safe to print (`CodedError.advice`). */
  readonly advice: string;
}

/** The result of the last connection. */
export type ConnectionResult =
  | { readonly kind: 'none' }
  /** `address`: that of this host in the connection; null if it is not known. */
  | { readonly kind: 'reached'; readonly address: string | null }
  | ({ readonly kind: 'failed' } & ConnectionFailure);

/** Everything that the outcome depends on. */
export interface OutcomeFacts {
  /** The name of this host, as the operating system has it. */
  readonly hostName: string;
  /** Null if nothing on this host needs an activation. */
  readonly activation: ActivationState | null;
  readonly connection: ConnectionResult;
}

/** What changes the outcome. */
export type OutcomeEvent =
  | { readonly kind: 'reached'; readonly address: string | null }
  | ({ readonly kind: 'failed' } & ConnectionFailure)
  /** The settings of the connection have changed, so its last result says nothing. */
  | { readonly kind: 'settings-changed' }
  | { readonly kind: 'activation-changed'; readonly activation: ActivationState | null };

export type Outcome =
  | { readonly kind: 'connected'; readonly name: string; readonly address: string | null }
  | { readonly kind: 'user-login' }
  | ({ readonly kind: 'configuration-error' } & ConnectionFailure)
  | { readonly kind: 'unknown' };

/** The facts after an event. */
export function factsAfter(facts: OutcomeFacts, event: OutcomeEvent): OutcomeFacts {
  switch (event.kind) {
    case 'activation-changed':
      return { ...facts, activation: event.activation };
    case 'settings-changed':
      return { ...facts, connection: { kind: 'none' } };
    default:
      return { ...facts, connection: event };
  }
}

/** The outcome that these facts mean. */
export function outcomeOf({ hostName, activation, connection }: OutcomeFacts): Outcome {
  switch (connection.kind) {
    case 'none':
      return { kind: 'unknown' };
    case 'failed':
      return {
        kind: 'configuration-error',
        code: connection.code,
        leg: connection.leg,
        advice: connection.advice,
      };
    case 'reached':
      if (activation !== null && activation !== 'activated') return { kind: 'user-login' };
      return { kind: 'connected', name: applianceName(hostName), address: plainAddress(connection.address) };
  }
}

/** Whether the connection works. A host that is not activated has a working connection. */
export function isConnected({ kind }: Outcome): boolean {
  return kind === 'connected' || kind === 'user-login';
}

/**
 * The outcome in one line: `SENSOR-07–10.9.2.7`, `USER LOGIN`, or the code of the failure, where it happened and what to
 * check. `ascii`: with `-` for the en dash, for displays that have none.
 */
export function outcomeText(outcome: Outcome, { ascii }: { readonly ascii: boolean }): string {
  switch (outcome.kind) {
    case 'connected': {
      const { name, address } = outcome;
      return address === null ? name : `${name}${ascii ? '-' : '–'}${address}`;
    }
    case 'user-login':
      return 'USER LOGIN';
    case 'configuration-error': {
      const { code, leg, advice } = outcome;
      const where = leg === null ? '' : ' at {leg:words}';
      return `${fillTemplate(`APPLIANCE CONFIGURATION ERROR: [{code}]${where}.`, { code, leg })} ${advice}`;
    }
    case 'unknown':
      return 'NOT CONNECTED YET';
  }
}

/** Maximum length of a label in a name (RFC 1035, 2.3.4). */
const MAX_NAME = 63;

/** The appliance's own name: its host name without the domain, in capitals. */
export function applianceName(hostName: string): string {
  const [label = ''] = hostName.split('.', 1);
  const name = label
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_-]/g, '?')
    .slice(0, MAX_NAME);
  return name === '' ? 'LOCALHOST' : name;
}

/** An IPv4 address that is mapped into IPv6 is shown as IPv4. */
function plainAddress(address: string | null): string | null {
  return address === null ? null : address.replace(/^::ffff:(?=\d+\.)/i, '');
}
