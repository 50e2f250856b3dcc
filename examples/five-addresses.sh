#!/bin/bash
# SPDX-License-Identifier: MIT
# One byte under all its names (五种地址): user virtual (用户虚拟地址), kernel logical (内核逻辑地址), kernel virtual
# (内核虚拟地址), physical (物理地址), bus (总线地址). What is written under one name is read under every other.
. "$(dirname "$0")/lesson.sh"
fresh ram=512M
mkdir "$sim/tasks/hog" || must "a process can be made" false
name_of() { sed -n "s/^$1 *\(0x[0-9a-f]*\).*/\1/p" "$sim/addr/$2" | head -1; }
# One byte of a file at an offset.
byte_at() { printf '0x%x' "$(dd if="$1" bs=1 skip=$(($2)) count=1 2>/dev/null | od -An -tu1)"; }

title "1. A byte of a process (用户虚拟地址)"
act -p hog mmap 0x20000000 4K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
act -p hog store 20000010 0x2a 1
user=0x20000010
see cat "$sim/addr/$user"
say "CPU 0 runs hog now, so this is what 0x20000010 means there. In another process it may be another byte, or none."
must "it is a user address" grep -q '^kind *user virtual' "$sim/addr/$user"
physical=$(name_of physical $user) logical=$(name_of logical $user)

title "2. Its other names"
printf '    user      %s\n    logical   %s\n    physical  %s\n    bus       %s\n' "$user" "$logical" "$physical" "$(name_of bus $user)"
say "Logical is physical plus a constant: the kernel maps all low memory once, at boot, with large pages."
act __pa "$logical"
must "__pa takes the constant away" [ "${got%% *}" = "$physical" ]
act __va "$physical"
must "__va adds it" [ "${got%% *}" = "$logical" ]
must "the constant is PAGE_OFFSET, 0xc0000000" [ $((logical - physical)) = $((0xc0000000)) ]
must "all three files tell of the same page" \
    [ "$(grep '^page' "$sim/addr/$logical")" = "$(grep '^page' "$sim/addr/phys:$physical")" ]
must "and so does the user's" [ "$(grep '^page' "$sim/addr/$user")" = "$(grep '^page' "$sim/addr/$logical")" ]

title "3. Written under one name, read under the others"
act store "$logical" 0x77 1
act -p hog load $user 1
must "the process sees what the kernel wrote by the logical address" [ "${got%% *}" = 0x77 ]
printf '\x99' | dd of="$MNT/dev/mem" bs=1 seek=$((physical)) conv=notrunc 2>/dev/null
say "dev/mem writes by the physical address, without any tables: 0x99."
act -p hog load $user 1
must "the process sees that too" [ "${got%% *}" = 0x99 ]
act load "$logical" 1
must "and the kernel" [ "${got%% *}" = 0x99 ]
must "PID/mem reads by the user address, from outside" [ "$(byte_at "$sim/tasks/hog/mem" $user)" = 0x99 ]

title "4. The bus (总线地址): what a device would say"
say "A device reads RAM by bus addresses. On this machine they are the physical ones: nothing lies between the bus and RAM" \
    "that would add an offset. Boards with dma-ranges in their devicetree, or an IOMMU, differ; drivers therefore ask the DMA API" \
    "and never compute."
must "bus and physical are the same number here" [ "$(name_of bus $user)" = "$physical" ]

title "5. Wrong conversions"
say "__pa is arithmetic: it subtracts the constant from any number. In a kernel that gives garbage without a word; here it is refused" \
    "and explained."
refused __pa $user
must "a user address is not for __pa" grep -q 'PID/walk' "$sim/errors"
refused __pa 0xf8000000
must "pages of the vmalloc area lie anywhere" grep -q 'vmalloc_to_page' "$sim/errors"
refused __va 0xfee00000
must "device registers have no logical address" grep -q ioremap "$sim/errors"

title "6. The struct page, a sixth"
act p = virt_to_page "$logical"
struct=${got%% *}
say "Each page has a struct page, which has an address itself: it lies in mem_map."
see cat "$sim/addr/$struct"
must "that address is inside mem_map, at this page's place" grep -q "in the struct page of pfn $(printf 0x%x $((physical >> 12)))," "$sim/addr/$struct"
act page_to_phys p
must "and leads back" [ "${got%% *}" = "$(printf 0x%x $((physical & ~0xfff)))" ]

title "7. High memory: no logical name"
rmdir "$sim/tasks/hog"
fresh ram=2G
mkdir "$sim/tasks/hog"
act -p hog mmap 0x20000000 4K rw-p MAP_PRIVATE+MAP_ANONYMOUS+MAP_FIXED
act -p hog store 20000010 0x2a 1
see cat "$sim/addr/$user"
physical=$(name_of physical $user)
must "user memory comes from HighMem first, which the kernel cannot see by itself" grep -q '^logical *none' "$sim/addr/$user"
refused __va "$physical"
must "the sentence names kmap" grep -q 'kmap()' "$sim/errors"
act page_address "$(printf 0x%x $((physical >> 12)))"
must "page_address is NULL" [ "${got%% *}" = NULL ]
say "kmap gives the page a kernel virtual address (内核虚拟地址) for as long as it is needed:"
act k = kmap "$(printf 0x%x $((physical >> 12)))"
window=${got%% *}
act load "$(printf 0x%x $((window + 0x10)))" 1
must "the kernel reads hog's byte through its window" [ "${got%% *}" = 0x2a ]
see cat "$sim/addr/$(printf 0x%x $((window + 0x10)))"
must "the window and the process name the same byte" \
    [ "$(name_of user "$(printf 0x%x $((window + 0x10)))")" = $user ]
act kunmap "$(printf 0x%x $((physical >> 12)))"
rmdir "$sim/tasks/hog"
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
