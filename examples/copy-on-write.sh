#!/bin/bash
# SPDX-License-Identifier: MIT
# Copy on write (写时复制, fork): a fork copies page tables, not pages. The first one who writes makes the copy; the last one
# who is left needs none.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
mkdir "$sim/tasks/parent" || must "a process can be made" false
page_of() { sed -n 's/^physical *//p' "$1/walk/buf"; }
pfn_of() { printf '0x%x' $(($(page_of "$1") >> 12)); }
flags() { sed -n 's/^PTE .*, //p' "$1/walk/buf"; }
field() { awk -v k="$1" '$1 == k { print $2 }' "$sim/page/$2"; }
parent=$sim/tasks/parent

title "1. Before the fork"
act -p parent buf = mmap NULL 8M rw-p
act -p parent touch buf 8M w
act -p parent store buf 0x11
must "the page is mapped once" [ "$(field mapcount "$(pfn_of "$parent")")" = 1 ]
must "and can be written" grep -q RW <<<"$(flags "$parent")"

title "2. fork"
act drain_all_pages
free=$(kb MemFree)
act -p parent fork
child=$proc/${got%% *} pid=${got%% *}
act drain_all_pages
must "2048 pages of memory have a second owner, and next to nothing was taken" [ $((free - $(kb MemFree))) -lt 512 ]
must "one page, mapped twice" [ "$(field mapcount "$(pfn_of "$parent")")" = 2 ]
must "the same page in both" [ "$(page_of "$parent")" = "$(page_of "$child")" ]
see grep '^PTE' "$parent/walk/buf"
must "neither may write it any more: the entry is read-only" grep -q RO <<<"$(flags "$parent")"
must "though the mapping says rw-" grep -q 'rw-p' "$parent/maps"

title "3. The child writes"
act -p "$pid" load buf
must "it reads the parent's value" [ "${got%% *}" = 0x11 ]
old=$(pfn_of "$parent")
act -p "$pid" store buf 0x22
must "its write took a fault: the page was copied" grep -q 'fault=minor' <<<"$got"
must "the child has a page of its own" [ "$(pfn_of "$child")" != "$old" ]
must "the parent still has the old one" [ "$(pfn_of "$parent")" = "$old" ]
act -p parent load buf
must "with its value" [ "${got%% *}" = 0x11 ]
must "the old page is mapped once now" [ "$(field mapcount "$old")" = 1 ]

title "4. The parent writes: it is alone, so nothing is copied"
act -p parent store buf 0x33
must "a fault, too: the entry was still read-only" grep -q 'fault=minor' <<<"$got"
must "but the page is the same: only the right to write came back" [ "$(pfn_of "$parent")" = "$old" ]

title "5. Half of it, and the end"
act -p "$pid" touch buf 4M w
must "1023 more copies: a fault each" grep -q 'minor=1023' <<<"$got"
act -p "$pid" exit 0
act -p parent wait4 -1
must "the child is gone" [ ! -e "$child" ]
reused=$(awk '$1 == "pgreuse" { print $2 }' "$proc/vmstat")
act -p parent touch buf 8M w
must "2047 faults of the parent, and no copy: nobody else had the pages any more" \
    [ $(($(awk '$1 == "pgreuse" { print $2 }' "$proc/vmstat") - reused)) = 2047 ]
rmdir "$parent"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
