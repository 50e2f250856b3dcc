#!/bin/bash
# SPDX-License-Identifier: MIT
# Through mount(8) and fstab.
# mount(8) looks for the daemon in the system's directories: in a namespace of our own, one of them has it.
if [ -z "${IN_NAMESPACE:-}" ] && unshare -m true 2>/dev/null; then
    export IN_NAMESPACE=1
    exec unshare -m "$0"
fi
. "$(dirname "$0")/lib.sh"
[ -n "${IN_NAMESPACE:-}" ] || skip_all "no right to make namespaces"
[ -x /sbin/mount.fuse ] || skip_all "mount.fuse (package fuse3) is missing"
mkdir "$work/bin"
ln -s "$(readlink -f "$SIMMFS")" "$work/bin/simmfs"
mkdir -p /usr/local/sbin
mount --bind "$work/bin" /usr/local/sbin

ok "mount -t fuse.simmfs" mount -t fuse.simmfs pc-i386 "$mnt" -o ram=128M
like "the machine has the memory asked for" "$(awk '/^MemTotal/ { print $2 }' "$mnt/proc/meminfo")" "1?????"
like "mount's own list" "$(mount | grep " $mnt ")" "pc-i386 on $mnt type fuse.simmfs *"
ok "umount" umount "$mnt"

ok "none names no machine" mount -t fuse.simmfs none "$mnt" -o 'ram=96M,noexec,nodev,noatime'
like "generic options go to the kernel" "$(grep " $mnt " /proc/self/mounts)" "*noexec*noatime*"
umount "$mnt"

ok "a comma in a value" mount -t fuse.simmfs pc-i386 "$mnt" -o 'cmdline="a=1,2",ram=128M'
like "the comma arrived" "$(cat "$mnt/proc/cmdline")" "*a=1,2*"
umount "$mnt"

printf '%s\n' "pc-i386 $mnt fuse.simmfs noauto,nofail,_netdev,x-systemd.automount,user,ram=128M 0 0" >"$work/fstab"
ok "a line of fstab" mount -T "$work/fstab" "$mnt"
ok "it serves" grep -q Node "$mnt/proc/buddyinfo"
umount "$mnt"

refused mount -t fuse.simmfs pc-i386 "$mnt" -o rma=1G
like "a misspelt option: a sentence" "$said" "*simmfs: there is no option 'rma=1G'*"
[ "$status" != 0 ]
is "a misspelt option: a status" $? 0
refused mount -t fuse.simmfs nosuch "$mnt"
like "a machine that is not there: a sentence" "$said" "*simmfs: *nosuch*"
not_ok "nothing is mounted after a refusal" is_mounted "$mnt"

# What mount(8) gives to a helper of the type's own name.
ok "-n -s -v as a helper gets them" "$SIMMFS" pc-i386 "$mnt" -n -s -v -o rw,ram=128M
umount "$mnt"
finish
