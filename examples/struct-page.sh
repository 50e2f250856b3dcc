#!/bin/bash
# SPDX-License-Identifier: MIT
# struct page (页结构, mem_map): one small record for every page of RAM: flags, count, what it is and who has it.
. "$(dirname "$0")/lesson.sh"
fresh ram=2G

# The number at index $2 of a file of 8-byte numbers, one a page.
of_pfn() { dd if="$proc/$1" bs=8 skip=$(($2)) count=1 2>/dev/null | od -An -t u8 | tr -d ' '; }
# Bits of kpageflags (Documentation/admin-guide/mm/pagemap.rst).
BUDDY=10 COMPOUND_HEAD=15 COMPOUND_TAIL=16 RESERVED=32
flag() { [ $(($(of_pfn kpageflags "$1") >> $2 & 1)) = 1 ]; }

title "1. A page in words"
act head = alloc_pages GFP_KERNEL 2
pfn=$((${got%% *}))
see cat "$sim/page/head"
say "The same page by its number (page frame number, 页框号):"
see cat "$sim/page/$(printf '%#x' $pfn)"
must "name and number show the same page" \
    cmp "$sim/page/head" "$sim/page/$(printf '%#x' $pfn)"

title "2. The count (引用计数): who uses it"
say "A page begins with 1. get_page adds a user, put_page takes one away; the last one frees it."
must "kpagecount is about mappings by processes, and there are none" [ "$(of_pfn kpagecount $pfn)" = 0 ]
act get_page head
must "the count is 2" grep -Eq '^refcount +2$' "$sim/page/head"
act put_page head
must "the count is 1" grep -Eq '^refcount +1$' "$sim/page/head"

title "3. A compound page (复合页): several pages that know that they are one"
act c = alloc_pages GFP_KERNEL+__GFP_COMP 2
c=$((${got%% *}))
must "its first page is a head" flag $c $COMPOUND_HEAD
must "its second page is a tail" flag $((c + 1)) $COMPOUND_TAIL
must "the pages of an allocation without __GFP_COMP are neither" no flag $pfn $COMPOUND_HEAD
act __free_pages c 2

title "4. Flags that tell what a page is (PG_reserved, PG_buddy)"
must "a page in use is not free" no flag $pfn $BUDDY
act __free_pages head 2
act drain_all_pages
must "after it was freed it is part of a free block" flag $pfn $BUDDY
kernel=$(awk '/Kernel code/ { print "0x" $1; exit }' "$proc/iomem" | cut -d- -f1)
must "the kernel's first page ($kernel) is reserved: it was never given to the allocator" flag $((kernel / 4096)) $RESERVED

title "5. A wrong free is refused"
say "A kernel would print a bad page report and go on with damaged lists. Here the call fails, and the log has the report."
refused __free_pages "$(printf '%#x' $pfn)" 2
see sed -n '/Bad page state/,$p' "$sim/dmesg"

title "6. The price (mem_map)"
say "Every page of RAM has such a record, used or not: 40 bytes on i386, 64 on 64-bit machines. They are made at boot," \
    "from memory that the page allocator then never gets; most of what the log calls reserved is this."
see grep 'Memory:.*available' "$sim/dmesg"
present=$(awk '$1 == "present" { n += $2 } END { print n }' "$proc/zoneinfo")
managed=$(awk '$1 == "managed" { n += $2 } END { print n }' "$proc/zoneinfo")
printf '    %d pages present, %d of them given to the allocator: %d kB are not\n' "$present" "$managed" $(((present - managed) * 4))
must "the reserved pages are enough for a record of 32 bytes and more for each page" \
    [ $(((present - managed) * 4096)) -gt $((present * 32)) ]
