#!/bin/sh
set -e
@SERVICE@

case $1 in
  configure)
    rm -rf /usr/lib/sallyport.script
    make_user_and_folders
    start_parked
    ;;
  abort-upgrade | abort-remove | abort-deconfigure)
    start_parked
    ;;
esac
