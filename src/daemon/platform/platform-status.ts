// The section of `status` about the link to the platform, and its warnings in `status --check`.

import type { PlatformStatus } from '#control/platform/link-status.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { fillTemplate } from '#errors/template.ts';
import { shownUrl } from '#http/check-url.ts';
import type { LinkState } from '#platform/link/link.ts';
import { utcTime } from '#system/moment.ts';

/** Without a link for this long, monitoring is warned. */
const OVERDUE_MS = 3_600_000;
/** `status` shows the newest advice; `sallyport platform advice` shows all. */
const MAX_ADVICE = 3;

/** The section; nothing is read for it from the disk. */
export function describePlatform({ ports, platform, redactor }: Parts): PlatformStatus {
  const { running, service } = platform;
  const { platform: section, uploads_allowed: isAllowed } = ports.settings();
  const last = running?.inbox.done.at(-1) ?? null;
  return {
    enabled: section.enabled,
    url: section.url === undefined ? null : shownUrl(new URL(section.url)),
    ...describeState(running?.link.state ?? { kind: 'off' }, service?.failure ?? null, (error) =>
      toFailure(error, redactor),
    ),
    reports: isAllowed ? section.report : 'none',
    commands: {
      waiting: running?.inbox.waiting ?? 0,
      last:
        last === null
          ? null
          : { id: last.id, command: last.name, outcome: last.outcome, code: last.code, at: utcTime(last.at) },
    },
    advice: (running?.advice.all ?? []).slice(0, MAX_ADVICE).map(({ at, ...rest }) => ({ ...rest, at: utcTime(at) })),
  };
}

type Described = Pick<PlatformStatus, 'state' | 'since' | 'over' | 'proxy' | 'blocked' | 'failure' | 'next_try'>;

function describeState(
  state: LinkState,
  unusable: CodedError | null,
  show: (error: CodedError) => NonNullable<PlatformStatus['failure']>,
): Described {
  const failure = unusable === null ? null : show(unusable);
  const nothing = { since: null, over: null, proxy: null, blocked: null, failure, next_try: null };
  switch (state.kind) {
    case 'off':
      return { ...nothing, state: 'off' };
    case 'connecting':
      return { ...nothing, state: 'connecting', since: utcTime(state.since) };
    case 'connected': {
      const { since, over, proxy, blocked } = state;
      return { ...nothing, state: 'connected', since: utcTime(since), over, proxy, blocked: blocked && show(blocked) };
    }
    case 'waiting':
      return {
        ...nothing,
        state: 'waiting',
        failure: state.failure && show(state.failure),
        next_try: utcTime(state.untilMs),
      };
  }
}

/** Why monitoring is warned; null if the link is as it should be. */
export function platformWarning({ platform, clock, redactor }: Parts): string | null {
  const { failure = null, running = null, startedAtMs = null } = platform.service ?? {};
  if (failure !== null)
    return redactor.redact(fillTemplate('The link to the platform cannot be used: {failure}', { failure }));
  if (running === null || running.link.state.kind === 'connected') return null;
  const age = clock.now() - Math.max(running.connectedAtMs ?? 0, startedAtMs ?? 0);
  if (age < OVERDUE_MS) return null;
  return fillTemplate(
    'The link to the platform has not been connected for {age:ms}. Updates are still checked by schedule. See: sallyport status.',
    { age },
  );
}
