#!/bin/sh
set -e
@SERVICE@

case $1 in
  install)
    # A first installation, or one after `remove`. The program of the script may run.
    park
    if ! dpkg-query -S /usr/lib/sallyport/node >/dev/null 2>&1; then set_script_program_aside; fi
    ;;
  upgrade)
    # The old version has parked it in its prerm; this is for a version whose prerm failed.
    park
    ;;
esac
