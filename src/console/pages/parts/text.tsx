// Small parts of a page that only show something: headings, facts, times, sizes, failures, progress.

import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { browserTime, repeat } from '#console/pages/link/browser-clock.ts';
import { showDuration, showZonedTime } from '#errors/template.ts';

/** The heading of a page. It gets the focus when the page opens, so that a screen reader begins there. */
export function PageHeading({
  title,
  lead,
  children,
}: {
  title: string;
  lead?: ComponentChildren;
  children?: ComponentChildren;
}): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Sallyport`;
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [title]);
  return (
    <header class="page-heading">
      <div>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {lead === undefined ? null : <p class="lead">{lead}</p>}
      </div>
      {children === undefined ? null : <div class="actions">{children}</div>}
    </header>
  );
}

/** For a button that disappears when it is pressed, so that the focus is not lost. */
export function focusHeading(): void {
  document.querySelector('h1')?.focus();
}

export type Tone = 'good' | 'warning' | 'bad' | 'plain';

/** A part of a page with its own heading. */
export function Panel({
  title,
  id,
  tone = 'plain',
  action,
  children,
}: {
  title: string;
  id: string;
  tone?: Tone;
  action?: ComponentChildren;
  children: ComponentChildren;
}): VNode {
  return (
    <section class={`panel ${tone}`} aria-labelledby={id}>
      <div class="panel-head">
        <h2 id={id}>{title}</h2>
        {action === undefined ? null : <div class="actions">{action}</div>}
      </div>
      {children}
    </section>
  );
}

/** A word in a shape. The word alone has the meaning. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }): VNode {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** Rows of a label and a value. A row without a label continues the previous one, as in `sallyport status`. */
export function FactList({ rows }: { rows: readonly (readonly [label: string, value: ComponentChildren])[] }): VNode {
  const groups: { label: string; values: ComponentChildren[] }[] = [];
  for (const [label, value] of rows) {
    const last = groups.at(-1);
    if (label === '' && last !== undefined) last.values.push(value);
    else groups.push({ label, values: [value] });
  }
  return (
    <dl class="facts">
      {groups.map(({ label, values }) => (
        <div key={label}>
          <dt>{label}</dt>
          {values.map((value, index) => (
            <dd key={index}>{value}</dd>
          ))}
        </div>
      ))}
    </dl>
  );
}

/** A time of the host, with the zone of the browser. */
export function Moment({ at }: { at: string }): VNode {
  const ms = Date.parse(at);
  return <time dateTime={at}>{Number.isNaN(ms) ? at : showZonedTime(ms).replace('T', ' ')}</time>;
}

/** The same, and how long ago or in how much time that is. */
export function MomentAge({ at, now }: { at: string; now: number }): VNode {
  const ms = Date.parse(at) - now;
  const distance = showDuration(Math.floor(Math.abs(ms) / 1_000) * 1_000);
  return (
    <>
      {ms > 0 ? `in ${distance}` : `${distance} ago`}{' '}
      <span class="quiet">
        (<Moment at={at} />)
      </span>
    </>
  );
}

/** The time now, once a second while the component is shown. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(browserTime);
  useEffect(
    () =>
      repeat(everyMs, () => {
        if (document.visibilityState !== 'hidden') setNow(browserTime());
      }),
    [everyMs],
  );
  return now;
}

/** `0:09`, `5:40`, `1:02:05`. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${two(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** How much of a whole is done. */
export function ProgressLine({
  label,
  done,
  whole,
  text,
}: {
  label: string;
  done: number;
  whole: number;
  text: string;
}): VNode {
  return (
    <div class="progress">
      <div class="progress-text">
        <span>{label}</span>
        <span class="figures">{text}</span>
      </div>
      <progress aria-label={label} value={whole > 0 ? Math.min(done, whole) : 0} max={whole > 0 ? whole : 1} />
    </div>
  );
}

/** The time that is left, such as for confirming a change. */
export function Countdown({ until, label, onEnd }: { until: number; label: string; onEnd?: () => void }): VNode {
  const now = useNow();
  const left = Math.max(0, until - now);
  const ended = useRef(false);
  useEffect(() => {
    if (left > 0 || ended.current) return;
    ended.current = true;
    onEnd?.();
  }, [left, onEnd]);
  return (
    <p class="countdown" role="timer">
      <strong class="figures">{clockText(left + 999)}</strong> <span>{label}</span>
    </p>
  );
}

export function EmptyNote({ children }: { children: ComponentChildren }): VNode {
  return <p class="empty">{children}</p>;
}

/** While an answer is awaited. It appears late, so that a quick answer does not flicker. */
export function LoadingNote({ what }: { what: string }): VNode {
  return (
    <p class="loading" role="status">
      Loading {what} …
    </p>
  );
}
