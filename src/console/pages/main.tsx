// The script of the console's page. A link has a key, which is exchanged for a token before anything is shown, and removed
// from the address, so that neither the history nor a bookmark has it.

import { render } from 'preact';
import { consoleRefusalOf, redeemKey } from './link/api.ts';
import { placeIn } from './link/navigation.ts';
import { PAGES } from './page-table.tsx';
import { ConsoleFrame } from './shell/frame.tsx';

async function begin(): Promise<void> {
  const place = document.getElementById('console');
  if (place === null) return;
  let problem: string | null = null;
  if (placeIn(location.hash) === null) {
    const key = location.hash.slice(1);
    history.replaceState(null, '', location.pathname);
    problem = await redeemKey(key).then(
      () => null,
      (thrown: unknown) => {
        const { message, check } = consoleRefusalOf(thrown);
        return `${message} ${check}`;
      },
    );
  }
  render(<ConsoleFrame pages={PAGES} problem={problem} />, place);
}

void begin();
