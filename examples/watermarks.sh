#!/bin/bash
# SPDX-License-Identifier: MIT
# Watermarks (水位: min, low, high) and reserves (预留 lowmem_reserve): who may take the last pages, and why there
# always are some.
. "$(dirname "$0")/lesson.sh"
fresh ram=128M

title "1. Each zone has three marks"
say "Below low, kswapd is woken. Below min, only those may take pages who cannot wait or who are about to free some." \
    "At high, kswapd stops. They come from one number:"
see cat "$proc/sys/vm/min_free_kbytes"
marks() {
    local z
    for z in DMA DMA32 Normal HighMem; do
        [ "$(zone $z managed)" -gt 0 ] 2>/dev/null || continue
        printf '    %-8s managed %6d  free %6d  min %5d  low %5d  high %5d\n' $z "$(zone $z managed)" \
            "$(zone $z free)" "$(zone $z min)" "$(zone $z low)" "$(zone $z high)"
    done
}
marks

title "2. Where they come from"
say "min_free_kbytes is shared among the zones of low memory by their size; low and high add a distance to it:" \
    "    min = (min_free_kbytes / 4) * managed / (managed of all low zones)" \
    "    distance = the larger of min / 4 and managed * watermark_scale_factor / 10000" \
    "    low = min + distance, high = min + 2 * distance"
check_formula() {
    local kb scale low_managed=0 z managed min distance bad=0
    kb=$(cat "$proc/sys/vm/min_free_kbytes")
    scale=$(cat "$proc/sys/vm/watermark_scale_factor")
    for z in DMA DMA32 Normal; do
        # Of all nodes.
        managed=$(awk -v z=$z '/^Node/ { on = ($4 == z) } on && $1 == "managed" { n += $2 } END { print n + 0 }' "$proc/zoneinfo")
        low_managed=$((low_managed + managed))
    done
    for z in DMA DMA32 Normal; do
        managed=$(zone $z managed)
        [ "${managed:-0}" -gt 0 ] || continue
        min=$((kb / 4 * managed / low_managed))
        distance=$((min / 4))
        [ $((managed * scale / 10000)) -gt $distance ] && distance=$((managed * scale / 10000))
        [ "$(zone $z min) $(zone $z low) $(zone $z high)" = "$min $((min + distance)) $((min + 2 * distance))" ] || bad=1
    done
    [ $bad = 0 ]
}
# A write makes the kernel compute them anew; at boot they may be older than the last page freed to the allocator.
echo "$(cat "$proc/sys/vm/min_free_kbytes")" >"$proc/sys/vm/min_free_kbytes"
must "zoneinfo's numbers are these" check_formula
echo 8192 >"$proc/sys/vm/min_free_kbytes"
see cat "$proc/sys/vm/min_free_kbytes"
marks
must "they are after a write too" check_formula

zone=Normal
has=$(zone $zone managed)
[ "${has:-0}" -gt 0 ] || zone=DMA32
has=$(zone $zone managed) dma=$(zone DMA managed)
if [ "${has:-0}" = 0 ] || [ "${dma:-0}" = 0 ] || [ -d "$sys/devices/system/node/node1" ]; then
    say "" "The rest needs a zone DMA and one above it, on one node, as every PC has: simmfs pc-i386 MOUNTPOINT."
    exit 0
fi

title "3. A process that can wait stops at min"
act w.0- = alloc_pages GFP_KERNEL 0
drain() { cat <<<"drain_all_pages" >"$sim/ctl"; }
drain
marks
free=$(zone $zone free) min=$(zone $zone min)
say "A request is granted while more than min would be left; pages of the per-CPU list come in batches, so the end is" \
    "not sharp."
must "$zone is at its min watermark, give or take a batch: $free free, min $min" [ $(((free - min) / 128)) = 0 ]

title "4. DMA is kept for those who need DMA (lowmem_reserve)"
say "Requests that could have been served higher up must leave more free in DMA: min + protection. The protection of DMA" \
    "against them is a share of the memory above it: its pages / lowmem_reserve_ratio."
see cat "$proc/sys/vm/lowmem_reserve_ratio"
awk '/^Node/ { on = ($4 == "DMA") } on && /free  |min  |protection/ { print "    DMA " $0 }' "$proc/zoneinfo"
dma_free=$(zone DMA free)
must "DMA still has more than its min free: $dma_free" [ "$dma_free" -gt "$(zone DMA min)" ]
act d = alloc_pages GFP_DMA 0
must "a request for DMA gets a page" grep -q DMA "$sim/page/d"

title "5. Who cannot wait may dip deeper (GFP_ATOMIC), who frees memory may take all (__GFP_MEMALLOC)"
act i.0- = alloc_pages GFP_ATOMIC 0
drain
marks
deeper=$(zone $zone free)
must "$zone went below min: $deeper of $min" [ "$deeper" -lt "$min" ]
must "but not to nothing" [ "$deeper" -gt 0 ]
act m.0- = alloc_pages GFP_KERNEL+__GFP_MEMALLOC 0
drain
marks
must "with __GFP_MEMALLOC the zone can be emptied" [ "$(zone $zone free)" -lt 64 ]

title "6. And back"
for name in m i w; do
    act __free_pages $name.0-
done
act __free_pages d
drain
marks
must "$zone is above high" [ "$(zone $zone free)" -gt "$(zone $zone high)" ]
