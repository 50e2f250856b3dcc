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

title "4. The bus (总线地址): what a device says"
say "A device reads RAM by bus addresses. On this machine they are the physical ones: nothing lies between the bus and RAM" \
    "that would add an offset. Boards with dma-ranges in their devicetree, or an IOMMU, differ; drivers therefore ask the DMA API" \
    "and never compute."
must "bus and physical are the same number here" [ "$(name_of bus $user)" = "$physical" ]
say "So here is a device behind a bridge that adds an offset: it sees RAM at 0x40000000."
mkdir "$sim/devices/nic" && echo 0x40000000 >"$sim/devices/nic/bus_offset" || must "a device can be made" false
act -d nic d = dma_map_page "$(printf 0x%x $((physical >> 12)))" 0 4096 DMA_BIDIRECTIONAL
bus=$(printf 0x%x $((${got%% *} + 0x10)))
must "the DMA API added it" [ $((bus - physical)) = $((0x40000000)) ]
must "sim/addr knows that name" grep -q "^bus *$bus for nic" "$sim/addr/$user"

title "5. All five at once"
say "vmap gives the page a kernel virtual address (内核虚拟地址) too, by an entry of its own in the kernel's page tables."
act v = vmap "$(printf 0x%x $((physical >> 12)))"
virtual=$(printf 0x%x $((${got%% *} + 0x10)))
see cat "$sim/addr/$virtual"
must "the kernel virtual address leads to the same byte" [ "$(name_of physical "$virtual")" = "$physical" ]
must "and is listed under the user's" grep -q "^virtual *$virtual," "$sim/addr/$user"
write_by() { # NAME BYTE
    case $1 in
    user) call -p hog store $user "$2" 1 ;;
    logical) call store "$logical" "$2" 1 ;;
    virtual) call store "$virtual" "$2" 1 ;;
    physical) printf '%b' "\\x${2#0x}" | dd of="$MNT/dev/mem" bs=1 seek=$((physical)) conv=notrunc 2>/dev/null ;;
    bus) call -d nic dma_write "$bus" 1 "$2" && call -d nic wait_for_completion ;;
    esac >/dev/null || must "the byte can be written by its $1 address" false
}
read_by() { # NAME: 0xBYTE
    case $1 in
    user) call -p hog load $user 1 | cut -d' ' -f1 ;;
    logical) call load "$logical" 1 | cut -d' ' -f1 ;;
    virtual) call load "$virtual" 1 | cut -d' ' -f1 ;;
    physical) byte_at "$MNT/dev/mem" "$physical" ;;
    bus)
        call -d nic dma_read "$bus" 1 >/dev/null && call -d nic wait_for_completion >/dev/null
        sed -n 's/^seen */0x/p' "$sim/devices/nic/registers"
        ;;
    esac
}
names="user logical virtual physical bus" value=0x50 wrong=
# shellcheck disable=SC2086
printf '    %-18s %s\n' "written as" "read as:  $(printf '%-9s' $names)"
for writer in $names; do
    value=$(printf 0x%x $((value + 0x11))) row=
    write_by "$writer" "$value"
    for reader in $names; do
        seen=$(read_by "$reader")
        row+=$(printf '%-9s' "$seen")
        [ "$seen" = "$value" ] || wrong+=" $writer/$reader"
    done
    printf '    %-8s %-9s           %s\n' "$writer" "$value" "$row"
done
must "what was written under any of the five names was read under all of them" [ -z "$wrong" ]
act vunmap v
act -d nic dma_unmap_page d
must "vunmap and dma_unmap took names away, not the byte" [ "$(read_by user)" = "$value" ]
must "the virtual name is gone" no grep -q '^virtual' "$sim/addr/$user"
rmdir "$sim/devices/nic"

title "6. Wrong conversions"
say "__pa is arithmetic: it subtracts the constant from any number. In a kernel that gives garbage without a word; here it is refused" \
    "and explained."
refused __pa $user
must "a user address is not for __pa" grep -q 'PID/walk' "$sim/errors"
refused __pa 0xf8000000
must "pages of the vmalloc area lie anywhere" grep -q 'vmalloc_to_page' "$sim/errors"
refused __va 0xfee00000
must "device registers have no logical address" grep -q ioremap "$sim/errors"

title "7. The struct page, a sixth"
act p = virt_to_page "$logical"
struct=${got%% *}
say "Each page has a struct page, which has an address itself: it lies in mem_map."
see cat "$sim/addr/$struct"
must "that address is inside mem_map, at this page's place" grep -q "in the struct page of pfn $(printf 0x%x $((physical >> 12)))," "$sim/addr/$struct"
act page_to_phys p
must "and leads back" [ "${got%% *}" = "$(printf 0x%x $((physical & ~0xfff)))" ]

title "8. High memory: no logical name"
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
