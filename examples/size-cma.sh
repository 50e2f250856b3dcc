#!/bin/bash
# SPDX-License-Identifier: MIT
# Machine: arm64-virt
# How large must the area be (连续内存 CMA 的大小, 录制 recording, 重放 replay, 种子 seed)? A camera's buffers are recorded once, through
# sys/kernel/tracing; the recording is replayed on machines with larger and smaller areas; a table says which survive.
. "$(dirname "$0")/lesson.sh"
tracing=$sys/kernel/tracing recording=$(mktemp)
trap 'rm -f "$recording"; leave' EXIT
report() { awk '$1 ~ /^(applied_cma_allocs|failures_cma_no_range|failures_cma_busy)$/ { print $2 }' "$sim/replay" | tr '\n' ' '; }

title "1. A recording of what a device asks for"
say "Two streams of frames (1200 pages each, a few at a time), a burst of small buffers, and one large still picture."
fresh ram=128M cma=64M
printf 'cma:*\n' >"$tracing/set_event"
frames() { # ROUND: four frames come, two of them go
    local i
    for i in 1 2 3; do
        call "frame.$(($1 * 3 + i)) = cma_alloc reserved 1200 8" >/dev/null || must "the recorded machine has room" false
    done
    for i in 1 2; do
        call cma_release reserved "frame.$(($1 * 3 + i))" >/dev/null || must "a frame is released" false
    done
}
for round in 0 1; do
    frames $round
    call "small.$((round * 20))-$((round * 20 + 19)) = cma_alloc reserved 7" >/dev/null || must "small buffers fit" false
done
act still = cma_alloc reserved 4000 8
act cma_release reserved still
printf '!cma:*\n' >"$tracing/set_event"
grep -v '^#' "$tracing/trace" >"$recording"
say "Its first lines:"
head -n 4 "$recording" | sed 's/^ */    /'
allocs=$(grep -c 'cma_alloc_finish' "$recording")
must "it has $allocs allocations, all of which succeeded there" [ "$allocs" = 47 ]

title "2. Replayed on other machines, with another life before it each time"
say "A seed (种子) is another life before the recording: who came and went, which pages are left, and therefore where the area's" \
    "tenants live. One in 50 of the first pages is held by two, as if a device knew it: such a tenant does not leave." \
    "  survives  all $allocs allocations succeed, as they did there" \
    "  busy      one fails since in every range for it somebody cannot leave" \
    "  no range  one fails since no run of its size is left"
seeds=(1 2 3 4)
printf '    %6s' cma
printf '  seed %-5s' "${seeds[@]}"
printf '\n'
declare -A fits=() why=()
for size in 16M 32M 38M 40M 42M 44M 48M; do
    printf '    %6s' $size
    for seed in "${seeds[@]}"; do
        fresh ram=$((64 + ${size%M}))M cma=$size seed="$seed"
        # Ordinary life beside it: other allocations, some of them tenants of the area, and some of those held by two.
        call mix "$seed" 8000 0 >/dev/null || must "the machine has room for some life" false
        call get_page mix.0-1499:1/50 >/dev/null || must "pages can be held" false
        cat "$recording" >"$sim/replay"
        read -r survived none busy <<<"$(report)"
        verdict=survives
        [ "$survived" = "$allocs" ] || verdict='no range'
        [ "$busy" = 0 ] || verdict=busy
        [ "$verdict" != survives ] || fits[$size]=$((${fits[$size]:-0} + 1))
        why[$size]+="$verdict,"
        printf '  %-10s' "$verdict"
        told=$((survived + none + busy))
        [ $told = "$allocs" ] || must "each recorded allocation is told of once ($told of $allocs)" false
    done
    printf '\n'
done

title "3. What the table says"
must "16 MiB is too little with every seed: no run is long enough" [ -z "${fits[16M]:-}" ]
must "48 MiB is enough with every seed" [ "${fits[48M]:-0}" = ${#seeds[@]} ]
edge=''
for size in 38M 40M 42M 44M; do
    case ${fits[$size]:-0} in 0 | ${#seeds[@]}) ;; *) edge=$size ;; esac
done
must "near the edge it is luck: with cma=$edge some survive (${fits[$edge]:-0} of ${#seeds[@]}), and others meet who cannot leave" \
    grep -q busy <<<"${why[$edge]:-}"
safe=48M
for size in 44M 42M 40M 38M 32M; do
    [ "${fits[$size]:-0}" = ${#seeds[@]} ] || break
    safe=$size
done
say "The smallest area from which on all of it survives with every seed: cma=$safe."
must "an area is not only as large as its sum: the still picture needs a run of 4000 pages" [ "${safe%M}" -gt 32 ]
must "everything adds up" [ "$(cat "$sim/check")" = ok ]
