// Decides which page is shown: its name is the part of the address behind `#/`. The browser keeps the history and does
// not send it to the console. A page can ask before it is left, for example because of edits that are not saved.

import { useEffect, useState } from 'preact/hooks';

/** Such as `{ page: 'log', rest: ['updates'] }` for `#/log/updates`. */
export interface PagePlace {
  readonly page: string;
  readonly rest: readonly string[];
}

const FIRST_PAGE = 'overview';

/** The place in this fragment; null for the key of a link. */
export function placeIn(fragment: string): PagePlace | null {
  const bare = fragment.replace(/^#/, '');
  if (bare === '') return { page: FIRST_PAGE, rest: [] };
  if (!bare.startsWith('/')) return null;
  const [page = '', ...rest] = bare.slice(1).split('/').map(decoded);
  return { page: page === '' ? FIRST_PAGE : page, rest };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function linkTo(page: string, ...rest: readonly string[]): string {
  return `#/${[page, ...rest].map(encodeURIComponent).join('/')}`;
}

export function goTo(page: string, ...rest: readonly string[]): void {
  location.hash = linkTo(page, ...rest);
}

/** Returns the question that is asked before the page is left; null for none. */
type LeaveCheck = () => string | null;
let leaveCheck: LeaveCheck | null = null;

/** While the component is shown, asks this before another page is opened or the tab is closed. */
export function useLeaveCheck(check: LeaveCheck): void {
  useEffect(() => {
    leaveCheck = check;
    const onUnload = (event: BeforeUnloadEvent) => {
      if (check() !== null) event.preventDefault();
    };
    window.addEventListener('beforeunload', onUnload);
    return () => {
      if (leaveCheck === check) leaveCheck = null;
      window.removeEventListener('beforeunload', onUnload);
    };
  });
}

/** The place now. Focus is moved by the heading of the page. */
export function usePlace(): PagePlace {
  const [place, setPlace] = useState<PagePlace>(() => placeIn(location.hash) ?? { page: FIRST_PAGE, rest: [] });
  useEffect(() => {
    let shown = location.hash;
    const onChange = () => {
      if (location.hash === shown) return;
      const question = leaveCheck?.() ?? null;
      if (question !== null && !window.confirm(question)) {
        history.replaceState(null, '', shown);
        return;
      }
      leaveCheck = null;
      shown = location.hash;
      setPlace(placeIn(shown) ?? { page: FIRST_PAGE, rest: [] });
    };
    window.addEventListener('hashchange', onChange);
    return () => window.removeEventListener('hashchange', onChange);
  }, []);
  return place;
}
