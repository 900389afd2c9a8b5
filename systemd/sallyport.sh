#!/bin/sh
# The installed command sallyport: runs the program on its own Node with the options that it needs. SIGUSR1 must
# not open Node's inspector, and a crash report must not hold the environment. A small young generation saves some 4 MiB.

# These would change what Node trusts, runs or records. Node reads three of them before it runs the program.
for name in NODE_TLS_REJECT_UNAUTHORIZED NODE_EXTRA_CA_CERTS NODE_OPTIONS SSLKEYLOGFILE; do
  eval "value=\${$name-}"
  if [ -n "$value" ]; then
    echo "sallyport: the environment variable $name is set; it is not passed on." >&2
  fi
  unset "$name"
done

# glibc gives each thread its own heap and returns little of it to the system. With a single heap, anonymous memory after 900
# checks was 54 MiB instead of 81 MiB.
export MALLOC_ARENA_MAX=1

set -- /usr/lib/sallyport/node --disable-sigusr1 --report-exclude-env --max-semi-space-size=1 \
  /usr/lib/sallyport/program/main.js "$@"

# If root runs a command that works on the state while the service is stopped, it runs as the service user, because the
# service could not open files that root created there. Commands that write the configuration still run as root. The
# program itself refuses to work on the state of another user.
#
# A running service does the work itself and logs who requested it, so root's commands then stay root's. systemd removes
# the socket when the service stops. With -c, another daemon or none may be meant.
works_on_state() {
  shift 5
  verb=
  asks_service=yes
  [ -S /run/sallyport/control.sock ] || asks_service=no
  while [ $# -gt 0 ]; do
    case $1 in
      -c | --config)
        asks_service=no
        [ $# -eq 1 ] || shift
        ;;
      --config=* | -c*) asks_service=no ;;
      -*) ;;
      *)
        verb="${verb:+$verb }$1"
        case $verb in
          run) return 0 ;;
          check | status | updates | diagnose) [ $asks_service = no ] && return 0 ;;
          'timeout explain' | 'proxy test' | 'proxy confirm' | 'route show') [ $asks_service = no ] && return 0 ;;
          timeout | proxy | route) ;;
          *) return 1 ;;
        esac
        ;;
    esac
    shift
  done
  return 1
}
if works_on_state "$@" && [ "$(id -u)" -eq 0 ] && id sallyport >/dev/null 2>&1 && command -v setpriv >/dev/null; then
  exec setpriv --reuid=sallyport --regid=sallyport --init-groups -- "$@"
fi
exec "$@"
