#!/bin/bash
# SPDX-License-Identifier: MIT
# An ordinary user mounts, acts as the machine's root, and nobody else gets in.
. "$(dirname "$0")/lib.sh"
need_user
chown 65534:65534 "$mnt"

ok "an ordinary user mounts" as_user "$SIMMFS" -o ram=128M pc-i386 "$mnt"
ok "he reads" as_user grep -q Node "$mnt/proc/buddyinfo"
is "all is his" "$(as_user stat -c %u:%g "$mnt/proc/buddyinfo")" 65534:65534
ok "he is the machine's root: he writes" as_user sh -c "echo 10 > $mnt/proc/sys/vm/swappiness"
is "it arrived" "$(as_user cat "$mnt/proc/sys/vm/swappiness")" 10
refused cat "$mnt/proc/buddyinfo"
like "not even root gets in" "$said" "*Permission denied*"
if as_user unshare -Um true 2>/dev/null; then
    like "--enter in a user namespace" "$(as_user "$SIMMFS" --enter "$mnt" sh -c 'id -u; head -c 8 /proc/meminfo')" "65534*MemTotal"
else
    skip "--enter in a user namespace" "ordinary users may not make them here"
fi
pid=$(daemon_pid)
ok "he unmounts" as_user fusermount3 -u "$mnt"
ok "the daemon ends" wait_for 10 gone "$pid"

ok "-- COMMAND as an ordinary user" as_user "$SIMMFS" "$mnt" -- sh -c 'grep -q Node "$SIMM_MNT/proc/buddyinfo"'
not_ok "and unmounts" is_mounted "$mnt"

as_user "$SIMMFS" "$mnt"
pid=$(daemon_pid)
as_user kill -TERM "$pid"
wait_for 10 gone "$pid"
not_ok "SIGTERM unmounts through fusermount3" is_mounted "$mnt"

as_user "$SIMMFS" "$mnt"
kill -9 "$(daemon_pid)"
wait_for 10 as_user sh -c "! stat $mnt"
refused as_user "$SIMMFS" "$mnt"
like "a stale mountpoint: what to do" "$said" "simmfs: $mnt: *has died*fusermount3 -u $mnt*"
as_user fusermount3 -u "$mnt"

mkdir "$work/roots"
refused as_user "$SIMMFS" "$work/roots"
like "another's directory" "$said" "simmfs: you may not mount on $work/roots: *"
if ! grep -qx user_allow_other /etc/fuse.conf 2>/dev/null; then
    refused as_user "$SIMMFS" -o allow_other "$mnt"
    like "allow_other without user_allow_other" "$said" "simmfs: allow_other is for root*user_allow_other*"
fi
refused unshare -m sh -c "mount --bind /dev/null /usr/bin/fusermount3; exec setpriv --reuid=65534 --regid=65534 --clear-groups env PATH=/nowhere '$SIMMFS' '$mnt'"
if [ -e /bin/fusermount3 ] && [ ! -L /bin ]; then
    skip "without fusermount3" "there is one more in /bin"
else
    like "without fusermount3" "$said" "simmfs: fusermount3 is missing*apt install fuse3*"
fi
refused unshare -m sh -c "mount --bind /dev/null /usr/bin/fusermount3; cp /bin/true $work/fusermount3; exec setpriv --reuid=65534 --regid=65534 --clear-groups env PATH=$work '$SIMMFS' '$mnt'"
like "a fusermount3 that does not run as root" "$said" "simmfs: fusermount3 does not run as root*chmod u+s*"

# Root mounts, others are let in by allow_other, and then modes count.
chown 0:0 "$mnt"
start -o allow_other,ram=128M
ok "allow_other lets others read" as_user grep -q Node "$mnt/proc/buddyinfo"
refused as_user sh -c "echo 10 > $mnt/proc/sys/vm/swappiness"
like "but modes are enforced" "$said" "*Permission denied*"
refused as_user sh -c "echo '#' > $mnt/sim/ctl"
like "and sim/ctl is the owner's" "$said" "*Permission denied*"
stop
start -o ram=128M
refused as_user cat "$mnt/proc/buddyinfo"
like "without it others are kept out" "$said" "*Permission denied*"
stop
finish
