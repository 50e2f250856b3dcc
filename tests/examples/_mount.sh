# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of this folder share: a scratch directory, a mounted machine, and what is cleaned up after them.
# Needs $SIMMFS, the daemon's path.
set -u
export LC_ALL=C
: "${SIMMFS:?the path of the daemon}"
work=$(mktemp -d /tmp/simmfs-examples-XXXXXX)
mnt=$work/m
mkdir "$mnt"

skip() {
    echo "skipped: $*"
    exit 77
}
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
cleanup() {
    cd / || exit
    if grep -q " $mnt fuse" /proc/self/mounts; then
        umount "$mnt" 2>/dev/null || fusermount3 -u "$mnt" || umount -l "$mnt"
    fi
    rm -rf "$work"
}
trap cleanup EXIT
[ -c /dev/fuse ] || skip "this system has no /dev/fuse"

mount_machine() { # [options] machine
    timeout 60 "$SIMMFS" "$@" "$mnt" || fail "simmfs $* does not mount"
}
