#!/bin/bash
# SPDX-License-Identifier: MIT
# The daemon's life: it answers before it returns, and it ends cleanly however it is ended.
. "$(dirname "$0")/lib.sh"

start
ok "the mount answers as soon as simmfs returns" grep -q Node "$mnt/proc/buddyinfo"
pid=$(daemon_pid)
is "the daemon's directory is /" "$(readlink "/proc/$pid/cwd")" /
is "the daemon let go of stdout" "$(readlink "/proc/$pid/fd/1")" /dev/null
ok "umount" stop
ok "umount ends the daemon" wait_for 10 gone "$pid"

for signal in TERM INT HUP; do
    start
    pid=$(daemon_pid)
    kill -$signal "$pid"
    ok "SIG$signal ends the daemon" wait_for 10 gone "$pid"
    not_ok "SIG$signal unmounts" is_mounted "$mnt"
done

"$SIMMFS" -f "$mnt" &
pid=$!
wait_for 10 is_mounted "$mnt"
ok "-f serves" grep -q Node "$mnt/proc/buddyinfo"
ok "-f stays" kill -0 $pid
kill -INT $pid # as ^C; a shell without job control starts & with SIGINT ignored, so the daemon must set its own
wait $pid
is "-f: ^C is a clean end" $? 0
not_ok "-f: unmounted" is_mounted "$mnt"

"$SIMMFS" -f "$mnt" &
pid=$!
wait_for 10 is_mounted "$mnt"
umount "$mnt"
wait $pid
is "-f: umount is a clean end" $? 0

# An open file keeps neither a signal nor a lazy umount from ending all.
start
pid=$(daemon_pid)
exec 3<"$mnt/proc/buddyinfo"
kill "$pid"
ok "ends with a file open" wait_for 10 gone "$pid"
not_ok "the open file fails" cat <&3
exec 3<&-

# Readers that wait (trace_pipe) are answered before the end.
start
pid=$(daemon_pid)
pipe=$mnt/sys/kernel/tracing/trace_pipe
if [ -e "$pipe" ]; then
    # Through libc's own read(2): cat and python's os.read() try again after EINTR.
    python3 -c '
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDONLY)
open(sys.argv[2], "w").write("open")
n = libc.read(fd, ctypes.create_string_buffer(100), 100)
print(n, errno.errorcode[ctypes.get_errno()])' "$pipe" "$work/is-open" >"$work/said" &
    reader=$!
    wait_for 20 test -s "$work/is-open"
    sleep 0.2
    ok "a reader of trace_pipe waits" kill -0 $reader
    is "others are served meanwhile" "$(timeout 5 head -c 4 "$mnt/proc/buddyinfo")" Node
    kill "$pid"
    ok "SIGTERM ends the daemon while a reader is parked" wait_for 10 gone "$pid"
    ok "the parked reader is let go" wait_for 10 gone $reader
    is "its read was interrupted" "$(cat "$work/said")" "-1 EINTR"
else
    skip "parked readers" "no trace_pipe"
    stop
fi

# kill -9 leaves the mount behind.
start
pid=$(daemon_pid)
kill -9 "$pid"
wait_for 10 gone "$pid"
refused cat "$mnt/proc/buddyinfo"
like "after kill -9 the kernel says so" "$said" "*Transport endpoint is not connected*"
refused "$SIMMFS" "$mnt"
is "a stale mountpoint: status" "$status" 1
like "a stale mountpoint: what to do" "$said" "simmfs: $mnt: *has died*umount $mnt*"
umount "$mnt"
start
ok "and after that it mounts again" grep -q Node "$mnt/proc/buddyinfo"
stop

# Unusual mountpoints.
mkdir "$work/with blank,and comma"
ok "a mountpoint with a blank and a comma" "$SIMMFS" "$work/with blank,and comma"
ok "it serves" grep -q Node "$work/with blank,and comma/proc/buddyinfo"
refused "$SIMMFS" "$work/with blank,and comma"
like "it is known to be in use" "$said" "*is in use*"
umount "$work/with blank,and comma"
mkdir "$work/full"
touch "$work/full/file"
refused "$SIMMFS" "$work/full"
is "a directory that is not empty: status" "$status" 0
like "a directory that is not empty: a warning" "$said" "simmfs: warning: *is not empty*"
umount "$work/full"
(cd "$work" && "$SIMMFS" ./m)
ok "a relative mountpoint" grep -q Node "$mnt/proc/buddyinfo"
stop

if [ "$(id -u)" = 0 ]; then
    # A namespace of its own hides /dev/fuse.
    refused unshare -m sh -c "mount -t tmpfs none /dev && exec '$SIMMFS' '$mnt'"
    like "without /dev/fuse" "$said" "simmfs: there is no /dev/fuse; *modprobe fuse*"
    refused setpriv --bounding-set=-all --inh-caps=-all "$SIMMFS" "$mnt"
    [ "$status" = 0 ] && stop
    is "root without rights cannot mount: status" "$status" 1
    like "root without rights cannot mount: a sentence" "$said" "*simmfs: *Operation not permitted*"
fi
finish
