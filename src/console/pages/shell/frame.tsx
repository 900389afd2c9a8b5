// The frame of every page: name of the host, navigation, the state of service and connection, and the page itself.

import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { feed, LiveContext, useLive } from '#console/pages/link/console-context.ts';
import { linkTo, usePlace } from '#console/pages/link/navigation.ts';
import { Announcer } from '#console/pages/parts/notes.tsx';
import { Badge, EmptyNote, PageHeading, type Tone } from '#console/pages/parts/text.tsx';
import { LinkBanner, SessionScreen } from './banners.tsx';
import type { PageEntry } from './page-entry.ts';

/** The whole console. */
export function ConsoleFrame({ pages, problem }: { pages: readonly PageEntry[]; problem: string | null }): VNode {
  const [view, setView] = useState(feed.view);
  useEffect(() => {
    const stop = feed.listen(setView);
    const end = feed.begin();
    return () => {
      stop();
      end();
    };
  }, []);
  return (
    <LiveContext.Provider value={view}>
      <Announcer />
      {view.link === 'none' || view.link === 'over' ? (
        <SessionScreen isOver={view.link === 'over'} problem={problem} />
      ) : (
        <OpenConsole pages={pages} />
      )}
    </LiveContext.Provider>
  );
}

function OpenConsole({ pages }: { pages: readonly PageEntry[] }): VNode {
  const { page: id, rest } = usePlace();
  const page = pages.find((one) => one.id === id);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector('h1')?.focus()}>
        Skip to the page
      </button>
      <TopBar />
      <div class="columns">
        <Navigation pages={pages} current={id} />
        <main id="main">
          <LinkBanner />
          {page === undefined ? <UnknownPage id={id} /> : <div key={id}>{page.show(rest)}</div>}
        </main>
      </div>
    </>
  );
}

function UnknownPage({ id }: { id: string }): VNode {
  return (
    <>
      <PageHeading title="No such page" />
      <EmptyNote>
        The console has no page <code>{id}</code>. <a href={linkTo('overview')}>Go to the overview</a>.
      </EmptyNote>
    </>
  );
}

const LEVELS: Readonly<Record<'ok' | 'warning' | 'critical', readonly [Tone, string]>> = {
  ok: ['good', 'OK'],
  warning: ['warning', 'Warning'],
  critical: ['bad', 'Critical'],
};

function TopBar(): VNode {
  const { session, status, link } = useLive();
  const [tone, word] = healthOf(link, status?.health.level);
  return (
    <header class="top">
      <a class="brand" href={linkTo('overview')}>
        <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
          <path d="M4 21V10a8 8 0 0 1 16 0v11M4 21h16M12 21V9M8 21v-9M16 21v-9" />
        </svg>
        Sallyport
      </a>
      {session === null ? null : <span class="host">{session.host}</span>}
      <span class="top-end">
        <Badge tone={tone}>{word}</Badge>
        {session === null ? null : <span class="who">{session.user}</span>}
      </span>
    </header>
  );
}

function healthOf(link: string, level: 'ok' | 'warning' | 'critical' | undefined): readonly [Tone, string] {
  switch (link) {
    case 'loading':
      return ['plain', 'Loading'];
    case 'stopped':
      return ['bad', 'Service stopped'];
    case 'disconnected':
      return ['bad', 'Disconnected'];
    default:
      return level === undefined ? ['plain', 'Unknown'] : LEVELS[level];
  }
}

const GROUPS: readonly (readonly [PageEntry['group'], string])[] = [
  ['service', 'Service'],
  ['settings', 'Settings'],
];

/** On a narrow screen it is behind a button. */
function Navigation({ pages, current }: { pages: readonly PageEntry[]; current: string }): VNode {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  return (
    <nav class={isOpen ? 'pages open' : 'pages'} aria-label="Pages">
      <button
        type="button"
        class="button quiet menu"
        aria-expanded={isOpen}
        aria-controls="page-list"
        onClick={() => setOpen(!isOpen)}
      >
        Pages
      </button>
      <div id="page-list">
        {GROUPS.filter(([group]) => pages.some((page) => page.group === group)).map(([group, title]) => (
          <div key={group} class="page-group">
            <h2 id={`group-${group}`}>{title}</h2>
            <ul aria-labelledby={`group-${group}`}>
              {pages
                .filter((page) => page.group === group)
                .map(({ id, title: name }) => (
                  <li key={id}>
                    <a href={linkTo(id)} aria-current={id === current ? 'page' : undefined}>
                      {name}
                    </a>
                  </li>
                ))}
            </ul>
          </div>
        ))}
      </div>
    </nav>
  );
}
