// Our version, for the User-Agent, comparisons with `min_agent` and --version. A test compares it with package.json.

export const VERSION = '0.2.0';
