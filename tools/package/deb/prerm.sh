#!/bin/sh
set -e
@SERVICE@

case $1 in
  upgrade)
    park
    ;;
  remove | deconfigure)
    # Nothing is started again: the file for it is not kept.
    park
    rm -f "$parked"
    ;;
  failed-upgrade)
    park
    ;;
esac
