// Twenty configuration files in the shapes that admins write: block and flow style, quotes, comments, other line ends.
// Each has the profiles corp (the default), spare and branch, or none at all.

const HEAD = '# Sallyport of the plant network. Ask ops@example.com before you change it.\nversion: 2\n';
const UPDATES = 'updates:\n  feed_url: https://updates.example.com/feed.json # ours\n';
const STATE = 'daemon:\n  state_dir: state\n';

const BLOCK = `proxies:
  # the way out
  - name: corp
    address: proxy.example.com
    port: 3128
    authentication: ntlm
    domain: CORP
    user: svc
    password: { file: secrets/corp } # typed by Ann
    default: true

  - name: spare
    address: 10.1.2.3
    fallback: [branch]
  - name: branch
    address: branch.example.com
    port: 8080
    authentication: basic
    user: 'branch'
    password:
      file: secrets/branch
`;
const FLOW = `proxies:
- { name: corp, address: proxy.example.com, port: 3128, default: true, authentication: auto, user: svc, password: { file: secrets/corp } }
- { name: spare, address: 10.1.2.3, fallback: [ branch ] }
- { name: branch, address: branch.example.com, port: 8080, authentication: basic, user: branch, password: { file: secrets/branch } } # old
`;
const QUOTED = BLOCK.replace('name: corp', 'name: "corp"').replace('proxy.example.com', "'proxy.example.com'");
const INLINE = BLOCK.replace('{ file: secrets/corp } # typed by Ann', '"stored: #1"');
const ROUTES = 'use_proxy_for:\n  support_logs: none\n  platform: branch # until spring\n';
const TIMEOUT = 'response_timeout:\n  base_ms: 60000   # one minute\n';
const OFF = 'proxy_enabled: false\n';

const FLUSH = BLOCK.replaceAll(/^ {2}/gm, '');

/** The files, each with what it is called in a failed test. */
export const REAL_SHAPED: readonly (readonly [name: string, text: string])[] = [
  ['block', HEAD + UPDATES + BLOCK + STATE],
  ['block with routes', HEAD + UPDATES + BLOCK + ROUTES + STATE],
  ['block with a timeout', HEAD + TIMEOUT + UPDATES + BLOCK + STATE],
  ['block, off', HEAD + UPDATES + OFF + BLOCK + STATE],
  ['flow', HEAD + UPDATES + FLOW + STATE],
  ['flow with routes', HEAD + UPDATES + FLOW + ROUTES + TIMEOUT + STATE],
  ['flow, off', HEAD + OFF + UPDATES + FLOW + STATE],
  ['quoted', HEAD + UPDATES + QUOTED + STATE],
  ['quoted with routes', HEAD + ROUTES + UPDATES + QUOTED + STATE],
  ['inline password', HEAD + UPDATES + INLINE + STATE],
  ['no profile', HEAD + UPDATES + STATE],
  ['no profile, empty list', `${HEAD}${UPDATES}proxies: []\n${STATE}`],
  ['no profile, off', HEAD + UPDATES + OFF + STATE],
  ['list without indentation', HEAD + UPDATES + FLUSH + ROUTES + STATE],
  ['line ends of Windows', (HEAD + UPDATES + BLOCK + STATE).replaceAll('\n', '\r\n')],
  ['flow with line ends of Windows', (HEAD + UPDATES + FLOW + ROUTES + STATE).replaceAll('\n', '\r\n')],
  ['byte order mark', `\ufeff${HEAD}${UPDATES}${BLOCK}${STATE}`],
  ['profiles last, no end of line', HEAD + STATE + UPDATES + FLOW.trimEnd()],
  ['proxy required', `${HEAD}proxy_required: true\n${UPDATES}${BLOCK}${STATE}`],
  ['comments between', (HEAD + UPDATES + BLOCK + ROUTES + TIMEOUT + STATE).replaceAll(/^(?=\w)/gm, '\n# ---\n')],
];

/** The secret files that they name. */
export const REAL_SECRETS: Readonly<Record<string, string>> = {
  'secrets/corp': 'c0rp\n',
  'secrets/branch': 'br4nch\n',
};
