#!/bin/bash
# SPDX-License-Identifier: MIT
# simmfs --enter: plain tools see the machine.
. "$(dirname "$0")/lib.sh"

refused "$SIMMFS" --enter
like "without a mountpoint" "$said" "simmfs: --enter needs a mountpoint*"
refused "$SIMMFS" --enter "$mnt" true
is "where nothing is mounted: status" "$status" 1
like "where nothing is mounted: a sentence" "$said" "simmfs: no machine is mounted on $mnt*"

start -o ram=256M pc-i386
total=$(awk '/^MemTotal/ { print $2 }' "$mnt/proc/meminfo")
unshare -m true 2>/dev/null || { skip "entering" "no right to make namespaces"; finish; }
is "/proc is the machine's" "$("$SIMMFS" --enter "$mnt" awk '/^MemTotal/ { print $2 }' /proc/meminfo)" "$total"
ok "/sys is the machine's" "$SIMMFS" --enter "$mnt" sh -c 'cmp /sys/devices/system/cpu/online "$SIMM_MNT/sys/devices/system/cpu/online"'
if command -v free >/dev/null; then
    is "plain free" "$("$SIMMFS" --enter "$mnt" free -k | awk '/^Mem:/ { print $2 }')" "$total"
fi
"$SIMMFS" --enter "$mnt" sh -c 'exit 9'
is "its status is the command's" $? 9
"$SIMMFS" --enter "$mnt" /nowhere/command 2>/dev/null
is "a command that is not there" $? 127
ok "the host's /proc is as it was" test -e /proc/self/mountinfo
is "a way to the network's counters" "$("$SIMMFS" --enter "$mnt" grep -c "^ *lo:" /proc/net/dev)" 1
is "words with dashes, and --" "$("$SIMMFS" --enter "$mnt" -- echo -n a)" a
is "without a command: the shell" "$(echo 'echo $SIMM_MNT' | SHELL=/bin/sh "$SIMMFS" --enter "$mnt")" "$mnt"
is "the directory stays" "$(cd "$work" && "$SIMMFS" --enter "$mnt" pwd)" "$work"
stop
finish
