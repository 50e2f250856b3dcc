#!/bin/bash
# SPDX-License-Identifier: MIT
# Memory that processes share (共享内存, MAP_SHARED, shm, fork, Pss): one page, two addresses or one; who is charged for it;
# and how long it lives.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
page_of() { sed -n 's/^physical *//p' "$1/walk/$2"; }
smaps() { awk -v from="^${2#0x}-" -v k="$3:" '$0 ~ from { on = 1 } on && $1 == k { print $2; exit }' "$1/smaps"; }

title "1. fork with MAP_SHARED: parent and child see each other's writes"
mkdir "$sim/tasks/parent" || must "a process can be made" false
act -p parent shared = mmap NULL 1M rw-s MAP_SHARED+MAP_ANONYMOUS
shared=${got%% *}
act -p parent private = mmap NULL 1M rw-p
act -p parent touch shared 1M w
act -p parent touch private 1M w
act -p parent fork
child=${got%% *}
act -p parent store shared 0x5a
act -p "$child" load shared
must "the child reads what the parent wrote" [ "${got%% *}" = 0x5a ]
must "it is the same page" [ "$(page_of "$proc/$child" shared)" = "$(page_of "$sim/tasks/parent" shared)" ]
act -p parent store private 0x5a
act -p "$child" load private
must "in private memory it does not" [ "${got%% *}" = 0x0 ]

title "2. Who is charged? Rss counts the page for each, Pss shares it out"
see grep -A 4 "^${shared#0x}-" "$sim/tasks/parent/smaps"
act -p "$child" touch shared 1M r
must "Rss: 1024 kB in the parent" [ "$(smaps "$sim/tasks/parent" "$shared" Rss)" = 1024 ]
must "and 1024 kB in the child" [ "$(smaps "$proc/$child" "$shared" Rss)" = 1024 ]
must "Pss: half in each, so that the sum is what is really used" \
    [ $(($(smaps "$sim/tasks/parent" "$shared" Pss) + $(smaps "$proc/$child" "$shared" Pss))) = 1024 ]

title "3. Strangers: a segment with a key (shmget), at two addresses"
mkdir "$sim/tasks/stranger" || must "a process can be made" false
act -p parent id = shmget 0x1234 64K
act -p parent here = shmat id
here=${got%% *}
act -p stranger hole = mmap NULL 4M rw-p
act -p stranger id = shmget 0x1234 64K
act -p stranger there = shmat id
there=${got%% *}
act -p parent store here 0x77
act -p stranger load there
must "the stranger reads it" [ "${got%% *}" = 0x77 ]
must "by another address" [ "$here" != "$there" ]
must "of the same page" [ "$(page_of "$sim/tasks/parent" here)" = "$(page_of "$sim/tasks/stranger" there)" ]

title "4. It outlives those who map it"
before=$(kb Shmem)
act -p parent shmdt here
act -p stranger shmdt there
must "nobody maps it, and it is still there (Shmem in meminfo)" [ "$(kb Shmem)" = "$before" ]
act -p stranger again = shmat id
act -p stranger load again
must "with what was written" [ "${got%% *}" = 0x77 ]
act -p stranger shmctl id IPC_RMID
act -p stranger shmdt again
must "removed and unmapped: now it is gone" [ "$(kb Shmem)" -lt "$before" ]
for name in stranger parent; do rmdir "$sim/tasks/$name"; done
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
