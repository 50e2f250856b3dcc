#!/bin/bash
# SPDX-License-Identifier: MIT
# The command line: what it answers, and the sentences for what it cannot do.
. "$(dirname "$0")/lib.sh"

help=$("$SIMMFS" --help)
is "--help ends with 0" $? 0
like "--help lists an option of the machine" "$help" "* ram=*"
like "--help lists an option of the daemon" "$help" "* like=DIR*"
like "--help says how to unmount" "$help" "*fusermount3 -u*"
like "--version" "$("$SIMMFS" --version)" "simmfs [0-9]*"
like "--list-machines has the default" "$("$SIMMFS" --list-machines)" "*pc-i386 *"

refused "$SIMMFS"
is "without words: status" "$status" 2
like "without words: usage" "$said" "simmfs: *usage: simmfs*"
refused "$SIMMFS" -o rma=1G "$mnt"
is "a misspelt option: status" "$status" 2
like "a misspelt option: the nearest" "$said" "simmfs: *'rma=1G'*did you mean 'ram'*"
refused "$SIMMFS" -o ram "$mnt"
like "an option without its value" "$said" "simmfs: option ram needs a value*"
refused "$SIMMFS" --frobnicate "$mnt"
like "an unknown long option" "$said" "simmfs: there is no option --frobnicate*"
refused "$SIMMFS" a b "$mnt"
like "too many words" "$said" "simmfs: too many words*"
refused "$SIMMFS" "$mnt" --
like "-- without a command" "$said" "simmfs: a command must follow --"
refused "$SIMMFS" -o ram=lots "$mnt"
like "a value that is none" "$said" "simmfs: option ram=lots: ?*"
refused "$SIMMFS" pc-i368 "$mnt"
is "a misspelt machine: status" "$status" 1
like "a misspelt machine: the nearest" "$said" "simmfs: *pc-i386*"
refused "$SIMMFS" /nowhere/board.dtb "$mnt"
like "a devicetree that is not there" "$said" "simmfs: cannot read the devicetree /nowhere/board.dtb: No such file*"
refused "$SIMMFS" /etc/passwd "$mnt"
like "a devicetree that is none" "$said" "simmfs: /etc/passwd: ?*"
refused "$SIMMFS" -o like=/nowhere "$mnt"
like "a dump that is not there" "$said" "simmfs: like=/nowhere: no file of a machine*"
refused "$SIMMFS" "$work/nowhere"
like "a mountpoint that is not there" "$said" "simmfs: there is no directory *mkdir*"
touch "$work/file"
refused "$SIMMFS" "$work/file"
like "a file as mountpoint" "$said" "simmfs: *is not a directory*"
ok "nothing was mounted by all that" test -z "$(ls -A "$mnt")"

start -o 'ram=128M,cmdline="foo=1,2 bar",config=+CMA,-MEMCG,suid,dev,noauto,x-systemd.automount' pc-i386
like "a comma between double quotes" "$(cat "$mnt/proc/cmdline")" "*foo=1,2 bar*"
stop
start -o 'cmdline=foo=1\,2' -oram=96M none
like "a comma after a backslash" "$(cat "$mnt/proc/cmdline")" "*foo=1,2*"
like "-o joined to its text; none names no machine" "$(awk '/^MemTotal/ { print $2 }' "$mnt/proc/meminfo")" "[789]????"
like "the mount's name" "$(grep " $mnt " /proc/self/mounts)" "pc-i386 $mnt fuse.simmfs *"
refused "$SIMMFS" "$mnt"
like "a mountpoint in use" "$said" "simmfs: $mnt is in use: *umount $mnt*"
stop
start -o fsname=my,ro
like "fsname and ro" "$(grep " $mnt " /proc/self/mounts)" "my $mnt fuse.simmfs ro,*"
not_ok "ro: no writing" sh -c "echo 1 > $mnt/proc/sys/vm/swappiness"
stop
finish
