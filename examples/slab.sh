#!/bin/bash
# SPDX-License-Identifier: MIT
# The slab allocator (slab 分配器, here SLUB): objects smaller than a page. A cache (缓存 kmem_cache) has objects of one size; its
# slabs are pages cut into such objects; free objects are chained inside themselves. kmalloc is a row of such caches.
. "$(dirname "$0")/lesson.sh"
fresh ram=256M
dir=$sys/kernel/slab
line() { grep "^$1 " "$proc/slabinfo"; }
total() { awk '{ print $1 }' "$1"; }

title "1. A cache, and its first slab (缓存与 slab)"
say "A constructor keeps this cache from being merged with another. Its objects are 200 bytes; a word for the free pointer" \
    "is put behind, and as many as fit make a slab: the smallest order of pages that wastes at most a sixteenth."
act c = kmem_cache_create lesson 200 0 0 lesson_init
per=$(cat "$dir/lesson/objs_per_slab")
say "A cache without objects has no page. The first object takes a whole slab; the next ones come from it."
must "no slab yet" [ "$(total "$dir/lesson/slabs")" = 0 ]
act p.0 = kmem_cache_alloc c
must "one slab" [ "$(total "$dir/lesson/slabs")" = 1 ]
see line lesson
say "slabinfo: objects in use, all objects, bytes, objects of a slab, pages of a slab; and slabs. All $per count as in use:" \
    "the CPU has the slab, and the kernel does not look into it."
must "slabinfo has $per objects in use of $per" [ "$(line lesson | awk '{ print $2 "/" $3 }')" = "$per/$per" ]

title "2. The free list lies in the objects, in a random order (空闲链表)"
act p.1-$((per - 1)) = kmem_cache_alloc c
must "$per objects, still one slab" [ "$(total "$dir/lesson/slabs")" = 1 ]
for i in 0 1 2 3; do
    printf '    p.%d  %s\n' $i "$(sed -n 's/^address \(0x[0-9a-f]*\).*/\1/p' "$sim/vars/p.$i")"
done
say "Each free object holds the address of the next one, disguised by a random number (CONFIG_SLAB_FREELIST_HARDENED), and" \
    "the order is shuffled (CONFIG_SLAB_FREELIST_RANDOM): who overruns an object does not know whom it hits."
act p.$per = kmem_cache_alloc c
must "one more takes a second slab" [ "$(total "$dir/lesson/slabs")" = 2 ]

title "3. Freed objects: the CPU's slabs, then the node's partial list (部分空闲链表)"
say "An object that is freed into a full slab makes it partial: it becomes the first of the CPU's chain. Only when the chain" \
    "is full, or the cache is shrunk, do slabs come to the node's list, and empty ones go back to the page allocator."
act kmem_cache_free c p.0
see cat "$dir/lesson/slabs_cpu_partial"
must "one slab is on the CPU's chain" grep -q '(1)' "$dir/lesson/slabs_cpu_partial"
must "none is on the node's list" [ "$(total "$dir/lesson/partial")" = 0 ]
echo 1 >"$dir/lesson/shrink"
must "shrink: both are on the node's list now" [ "$(total "$dir/lesson/partial")" = 2 ]
act kmem_cache_free c p.1-$((per - 1))
act kmem_cache_free c p.$per
echo 1 >"$dir/lesson/shrink"
must "all freed, and shrunk again: no slab is left" [ "$(total "$dir/lesson/slabs")" = 0 ]

title "4. Caches that are alike are one (合并)"
say "The kernel has some 250 caches but fewer kinds of objects. A new cache without constructor is only another name" \
    "of an older one of its size, alignment and accounting: sys/kernel/slab then has a link to a directory named by kind."
act d = kmem_cache_create twin 64
target=$(readlink "$dir/twin")
printf '    twin -> %s\n' "$target"
must "twin is a link" [ -n "$target" ]
must "slabinfo has no line of its own for it" no line twin
must "others have the same target" [ "$(find "$dir" -type l -lname "$target" | wc -l)" -gt 1 ]

title "5. What kmalloc costs (kmalloc 的代价)"
say "kmalloc takes the smallest cache that fits; beyond 8 KiB, pages of the next power of two."
for bytes in 8 33 100 200 1000 4097 8193 20000; do
    got=$(call "k = kmalloc $bytes") || must "kmalloc $bytes" false
    size=$(call ksize k)
    size=$((${size%% *}))
    printf '    kmalloc %5d  %-20s usable %5d bytes, %3d%% lost\n' $bytes "${got#* }" $size $(((size - bytes) * 100 / size))
    must "it is enough" [ $size -ge $bytes ]
    call kfree k
done

title "6. Written after it was freed: slub_debug finds it (释放后使用)"
say "Without debugging such a write goes unnoticed, and breaks whoever has the object next. slub_debug=FZPU on the command" \
    "line fills free objects with 0x6b, puts red zones around them, and notes who had them. The check is at the next" \
    "allocation, or when 1 is written to validate."
fresh cmdline=slub_debug=FZPU,kmalloc-64
act p = kmalloc 64
act kfree p
act store p+8 0x2a 1
must "nobody has noticed yet" no grep -q BUG "$sim/dmesg"
echo 1 >"$dir/kmalloc-64/validate"
say "The log has who allocated it, who freed it, and the bytes; then the kernel mends them:"
sed -n '/BUG kmalloc-64/,$ { s/^\[[ 0-9.]*\] //; p }' "$sim/dmesg" | sed 's/^/    /'
must "the report names the mistake" grep -q 'BUG kmalloc-64 (Not tainted): Poison overwritten' "$sim/dmesg"
must "and the byte" grep -q 'First byte 0x2a instead of 0x6b' "$sim/dmesg"
must "and who freed it" grep -q 'Freed in kfree' "$sim/dmesg"
must "the byte is mended" [ "$(call load p+8 1 | cut -d' ' -f1)" = 0x6b ]
must "the kernel is tainted" [ "$(cat "$proc/sys/kernel/tainted")" = 32 ]
