#!/bin/sh
set -e
@SERVICE@

case $1 in
  remove)
    if manages; then systemctl daemon-reload || true; fi
    ;;
  abort-install | abort-upgrade)
    if [ -e /usr/lib/sallyport.script ]; then
      rm -rf /usr/lib/sallyport
      mv /usr/lib/sallyport.script /usr/lib/sallyport
    fi
    start_parked
    ;;
  purge)
    rm -rf /etc/sallyport /var/lib/sallyport /var/log/sallyport /var/spool/sallyport /var/lib/sallyport-menu
    # What an admin made with systemctl: drop-ins, replaced units, links of enable and mask.
    rm -rf /etc/systemd/system/sallyport.service.d /etc/systemd/system/sallyport-change.socket.d \
      /etc/systemd/system/sallyport-change@.service.d /etc/systemd/system/sallyport-menu@.service.d \
      /etc/systemd/system/sallyport-metrics.socket.d /etc/systemd/system/sallyport-metrics.service.d
    rm -f /etc/systemd/system/sallyport.service /etc/systemd/system/sallyport-change.socket \
      /etc/systemd/system/sallyport-change@.service /etc/systemd/system/sallyport-menu@*.service \
      /etc/systemd/system/*.wants/sallyport.service /etc/systemd/system/*.wants/sallyport-change.socket \
      /etc/systemd/system/*.wants/sallyport-menu@*.service /etc/systemd/system/*.wants/sallyport-metrics.socket \
      /etc/systemd/system/sallyport-metrics.socket /etc/systemd/system/sallyport-metrics.service
    rm -rf /run/sallyport "$parked"
    if manages; then
      systemctl daemon-reload || true
      systemctl reset-failed sallyport.service 2>/dev/null || true
    fi
    # The users stay: a file of theirs may exist in a backup, and another user must not get their number.
    ;;
esac
