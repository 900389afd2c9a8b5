// Our version: in the User-Agent, in `min_agent` comparisons, in --version. A test holds it equal to package.json.

export const VERSION = '0.1.0';
