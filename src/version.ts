// The version of Sallyport, used for the User-Agent, for comparisons with `min_agent`, and by --version. A test
// compares it with package.json.

export const VERSION = '0.2.0';
