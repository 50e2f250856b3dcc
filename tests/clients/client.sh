#!/bin/bash
# SPDX-License-Identifier: MIT
# A real tool on the mount, unmodified: client.sh NAME MACHINE... runs the check clients/NAME.sh of $SIMM_SHARED on
# each machine. The checks compare what the tool prints with what the mount's files say.
. "$(dirname "$0")/../mount/lib.sh"
name=$1
shift
check=${SIMM_SHARED:-/nowhere}/clients/$name.sh
[ -r "$check" ] || skip_all "no checks of real tools: SIMM_SHARED does not name a folder with clients/$name.sh"
[ "$(id -u)" = 0 ] || skip_all "the checks need root, who may make mount namespaces"
unshare -m true 2>/dev/null || skip_all "no right to make mount namespaces"

case $name in
node_exporter*) tool=prometheus-node-exporter ;;
numactl*) tool=numactl ;;
psutil*) tool=/usr/lib/python3/dist-packages/psutil/__init__.py ;;
*) tool=${name%%-*} ;;
esac
command -v "$tool" >/dev/null || [ -e "$tool" ] || skip_all "$tool is not installed"

for machine; do
    start "$machine"
    # A process to be looked at, with some of its memory touched.
    if [ -d "$mnt/sim/tasks" ] && mkdir "$mnt/sim/tasks/hog"; then
        printf 'buf = mmap NULL 32M rw-p\ntouch buf 20M\n' >"$mnt/sim/tasks/hog/ctl" || report 1 "$machine has a process"
    fi
    said=$(timeout 60 bash "$check" "$mnt" 2>&1)
    report $? "$name on $machine: $said"
    stop
done
finish
