/* SPDX-License-Identifier: MIT
 *
 * Bounce buffers: memory in every device's reach, through which what it cannot reach is copied.
 *
 *	segment of 128 slots of 2 KiB        |s|s|s|s|s|s| ... |s|
 *	list[i]: free slots from i on         6 5 4 3 2 1  ...        0: in use
 *
 *	driver's buffer (above the mask)  <-- copy -->  slots  <-- the device
 *
 * A mapping takes slots that lie side by side in one segment, so it has at most 256 KiB. The slots are dealt out to as
 * many areas as there are CPUs, each with its own counter and hint where to look next, so that CPUs do not meet; a CPU
 * whose own area is full looks into the next.
 *
 * Mapping copies the buffer into the slots whatever the direction, lest a device that writes only a part of it lose the
 * rest; unmapping, or a sync for the CPU, copies back what the device may have written.
 *
 * Invariant: an area's `used` is its slots with list 0; list[i] of a free slot is 1 + list[i+1], and 1 at the end of a
 * segment.
 *
 * Left out: restricted pools of a device's own. Follows kernel/dma/swiotlb.c of 6.1.
 */
#include "mm/dma/direct.h"

#include "base/text.h"
#include "mm/page/contents.h"

#include <assert.h>
#include <errno.h>

typedef unsigned long long ull;

static struct io_tlb_slot *slots(const struct machine *m)
{
	return machine_at(m, m->devices.swiotlb.slots_at);
}

static struct io_tlb_area *areas(const struct machine *m)
{
	return machine_at(m, m->devices.swiotlb.areas_at);
}

static uint64_t slots_for(uint64_t bytes)
{
	return (bytes + IO_TLB_SIZE - 1) >> IO_TLB_SHIFT;
}

/* Where in a slot the buffer begins: devices that ask for it keep the low bits of their addresses. */
static uint64_t align_offset(const struct device *d, uint64_t phys)
{
	return phys & d->min_align_mask & (IO_TLB_SIZE - 1);
}

uint64_t swiotlb_max_mapping_size(const struct device *d)
{
	uint64_t least_align = 0;

	if (d->min_align_mask)
		least_align = (d->min_align_mask + IO_TLB_SIZE) & ~(IO_TLB_SIZE - 1);
	return IO_TLB_SEGSIZE * IO_TLB_SIZE - least_align;
}

void swiotlb_init(struct machine *m, uint64_t start, uint64_t nslabs)
{
	struct swiotlb *s = &m->devices.swiotlb;

	s->start = start;
	s->end = start + (nslabs << IO_TLB_SHIFT);
	s->nslabs = nslabs;
	/* A power of two of areas, each of whole segments. */
	s->nareas = 1;
	while (s->nareas < m->nr_cpus && nslabs % (2 * s->nareas * IO_TLB_SEGSIZE) == 0)
		s->nareas *= 2;
	s->area_nslabs = (uint32_t)(nslabs / s->nareas);
}

/* The records, made when the first slot is asked for. */
static int make_records(struct machine *m)
{
	struct swiotlb *s = &m->devices.swiotlb;

	if (s->slots_at)
		return 0;
	uint64_t slots_at = heap_alloc(m, s->nslabs * sizeof(struct io_tlb_slot));
	uint64_t areas_at = slots_at ? heap_alloc(m, s->nareas * sizeof(struct io_tlb_area)) : 0;
	if (!areas_at) {
		heap_free(m, slots_at, s->nslabs * sizeof(struct io_tlb_slot));
		return -m->why.err;
	}
	s->slots_at = slots_at;
	s->areas_at = areas_at;
	for (uint64_t i = 0; i < s->nslabs; i++) {
		uint64_t left = s->nslabs - i, in_segment = IO_TLB_SEGSIZE - i % IO_TLB_SEGSIZE;

		slots(m)[i].list = (uint32_t)(in_segment < left ? in_segment : left);
		slots(m)[i].orig_addr = UINT64_MAX;
	}
	return 0;
}

struct search {
	uint64_t orig, bytes; /* bytes with the offset in the first slot */
	uint64_t tlb;	      /* bus address of the pool */
	uint64_t align_mask;  /* of the device, slots only */
	uint32_t n, stride;
};

static uint32_t wrap(const struct swiotlb *s, uint32_t index)
{
	return index >= s->area_nslabs ? 0 : index;
}

/* Slots of one area; -1: none. Steps by the stride, so that a page is not looked for at odd slots. */
static int64_t find_in_area(struct machine *m, uint32_t area, const struct search *q)
{
	const struct swiotlb *s = &m->devices.swiotlb;
	const struct io_tlb_area *a = &areas(m)[area];
	uint64_t base = (uint64_t)area * s->area_nslabs;

	if (q->n > s->area_nslabs - a->used)
		return -1;
	uint32_t first = wrap(s, (a->index + q->stride - 1) / q->stride * q->stride), index = first;
	/* Where only some slots have the right low bits, the steps may jump over the first one: count them, too. */
	for (uint32_t steps = 0; steps < 2 * s->area_nslabs; steps++) {
		uint64_t slot = base + index, at = q->tlb + (slot << IO_TLB_SHIFT);

		if ((at & q->align_mask) != (q->orig & q->align_mask)) {
			index = wrap(s, index + 1);
			continue;
		}
		if (slots(m)[slot].list >= q->n)
			return (int64_t)slot;
		index = wrap(s, index + q->stride);
		if (index == first)
			break;
	}
	return -1;
}

static void take_slots(struct machine *m, uint64_t first, const struct search *q, uint64_t offset)
{
	struct swiotlb *s = &m->devices.swiotlb;
	struct io_tlb_area *a = &areas(m)[first / s->area_nslabs];
	uint32_t count = 0;

	for (uint64_t i = 0; i < q->n; i++) {
		struct io_tlb_slot *slot = &slots(m)[first + i];

		slot->list = 0;
		slot->alloc_bytes = q->bytes - (offset + (i << IO_TLB_SHIFT));
		slot->orig_addr = q->orig - offset + (i << IO_TLB_SHIFT);
	}
	/* Those before it in the segment have fewer free ones behind them now. */
	for (uint64_t i = first; i % IO_TLB_SEGSIZE && slots(m)[i - 1].list; i--)
		slots(m)[i - 1].list = ++count;
	a->index = wrap(s, (uint32_t)(first % s->area_nslabs) + q->n);
	a->used += q->n;
	s->used += q->n;
}

static void give_slots(struct machine *m, uint64_t first, uint64_t n)
{
	struct swiotlb *s = &m->devices.swiotlb;
	uint64_t end = first + n;
	uint32_t count = end % IO_TLB_SEGSIZE && end < s->nslabs ? slots(m)[end].list : 0;

	for (uint64_t i = end; i-- > first;) {
		slots(m)[i].list = ++count;
		slots(m)[i].orig_addr = UINT64_MAX;
		slots(m)[i].alloc_bytes = 0;
	}
	/* Join the free ones before. */
	for (uint64_t i = first; i % IO_TLB_SEGSIZE && slots(m)[i - 1].list; i--)
		slots(m)[i - 1].list = ++count;
	areas(m)[first / s->area_nslabs].used -= (uint32_t)n;
	s->used -= n;
}

static int64_t find_slots(struct machine *m, unsigned cpu, const struct search *q)
{
	const struct swiotlb *s = &m->devices.swiotlb;
	uint32_t start = cpu & (s->nareas - 1);

	for (uint32_t i = 0; i < s->nareas; i++) {
		int64_t slot = find_in_area(m, (start + i) & (s->nareas - 1), q);

		if (slot >= 0)
			return slot;
	}
	return -1;
}

/* dev_warn_ratelimited(): ten in five seconds. */
static int refuse_full(struct machine *m, const struct device *d, uint64_t bytes)
{
	struct swiotlb *s = &m->devices.swiotlb;

	if (!s->full_said || m->clock.now_ns - s->full_said_ns > 5000000000u) {
		s->full_said = 0;
		s->full_said_ns = m->clock.now_ns;
	}
	if (s->full_said++ < 10)
		dev_printk(m, d,
			"swiotlb buffer is full (sz: %llu bytes), total %llu (slots), used %llu "
			"(slots)",
			(ull)bytes, (ull)s->nslabs, (ull)s->used);
	return refuse(&m->why, ENOMEM,
		"swiotlb buffer is full (sz: %llu bytes), total %llu (slots), used %llu (slots): "
		"unmap "
		"something, or boot with swiotlb=SLOTS; one mapping has at most %llu bytes",
		(ull)bytes, (ull)s->nslabs, (ull)s->used, (ull)swiotlb_max_mapping_size(d));
}

/* [from, from + n) to @to, neither across a page. */
static int copy_piece(
	struct machine *m, const struct dram *d, uint64_t to, uint64_t from, uint64_t n)
{
	int err = dram_is_ram(d, from) ? dram_touch(d, to, &m->why) : -ENXIO;

	if (err)
		return err;
	if (d->differing)
		stale_written(d, to, n);
	if (dram_has(d, from))
		memcpy(dram_at(d, to), dram_at(d, from), n);
	else
		memset(dram_at(d, to), 0, n);
	return 0;
}

static uint64_t in_page(uint64_t at, uint64_t bytes)
{
	uint64_t left = PAGE_BYTES - at % PAGE_BYTES;

	return bytes < left ? bytes : left;
}

/* Copy between the slots at @slot and the buffer behind them. */
static int copy(struct machine *m, uint64_t slot, uint64_t bytes, bool to_buffer)
{
	struct swiotlb *s = &m->devices.swiotlb;
	struct dram dram = machine_dram(m);
	uint64_t index = (slot - s->start) >> IO_TLB_SHIFT;
	uint64_t buffer = slots(m)[index].orig_addr + (slot & (IO_TLB_SIZE - 1));
	int err = 0;

	assert(slots(m)[index].orig_addr != UINT64_MAX);
	clock_charge_ns(m, COST_NS_COPY_PAGE * bytes / PAGE_BYTES);
	for (uint64_t at = 0, n; at < bytes && !err; at += n) {
		uint64_t from = (to_buffer ? slot : buffer) + at,
			 to = (to_buffer ? buffer : slot) + at;

		n = in_page(from, in_page(to, bytes - at));
		err = copy_piece(m, &dram, to, from, n);
	}
	return err == -ENXIO ? refuse(&m->why, EINVAL, "0x%llx is not RAM throughout", (ull)buffer)
			     : err;
}

int swiotlb_map(struct machine *m, unsigned cpu, struct device *d, uint64_t phys, uint64_t bytes,
	unsigned attrs, uint64_t *at)
{
	struct swiotlb *s = &m->devices.swiotlb;
	uint64_t offset = align_offset(d, phys);
	struct search q = {.orig = phys,
		.bytes = bytes + offset,
		.tlb = phys_to_dma(d, s->start),
		.align_mask = d->min_align_mask & ~(IO_TLB_SIZE - 1)};
	int err = make_records(m);

	if (err)
		return err;
	/* What no segment holds never fits, however empty the pool is. */
	if (slots_for(q.bytes) > IO_TLB_SEGSIZE)
		return refuse_full(m, d, bytes);
	q.n = (uint32_t)slots_for(q.bytes);
	q.stride = (uint32_t)(q.align_mask >> IO_TLB_SHIFT) + 1;
	if (q.bytes >= PAGE_BYTES && q.stride < PAGE_BYTES >> IO_TLB_SHIFT)
		q.stride = PAGE_BYTES >> IO_TLB_SHIFT;
	int64_t slot = find_slots(m, cpu, &q);
	if (slot < 0)
		return refuse_full(m, d, bytes);
	take_slots(m, (uint64_t)slot, &q, offset);
	*at = s->start + ((uint64_t)slot << IO_TLB_SHIFT) + offset;
	if (!(attrs & DMA_ATTR_SKIP_CPU_SYNC))
		err = copy(m, *at, bytes, false);
	if (err)
		give_slots(m, (uint64_t)slot, q.n);
	return err;
}

void swiotlb_unmap(struct machine *m, const struct device *d, uint64_t slot, uint64_t bytes)
{
	uint64_t offset = align_offset(d, slot);
	uint64_t first = (slot - offset - m->devices.swiotlb.start) >> IO_TLB_SHIFT;

	give_slots(m, first, slots_for(bytes + offset));
}

void swiotlb_sync(struct machine *m, uint64_t slot, uint64_t bytes, bool for_cpu)
{
	/* Both sides were written when the mapping was made, so nothing can fail now. */
	int err = copy(m, slot, bytes, for_cpu);

	(void)err;
}

static unsigned check_area(const struct machine *m, uint32_t area, struct text *out)
{
	const struct swiotlb *s = &m->devices.swiotlb;
	uint64_t first = (uint64_t)area * s->area_nslabs, used = 0;
	unsigned bad = 0;

	for (uint64_t i = first; i < first + s->area_nslabs && i < s->nslabs; i++) {
		const struct io_tlb_slot *slot = &slots(m)[i];
		bool last = i + 1 == s->nslabs || (i + 1) % IO_TLB_SEGSIZE == 0;
		uint32_t behind = last ? 0 : slots(m)[i + 1].list;

		used += !slot->list;
		if (slot->list ? slot->list == behind + 1 && slot->orig_addr == UINT64_MAX
			       : slot->orig_addr != UINT64_MAX)
			continue;
		text_printf(out, "swiotlb slot %llu: list %u, the next has %u\n", (ull)i,
			slot->list, behind);
		bad++;
	}
	if (used != areas(m)[area].used) {
		text_printf(out, "swiotlb area %u: %llu slots are used, %u counted\n", area,
			(ull)used, areas(m)[area].used);
		bad++;
	}
	return bad;
}

unsigned swiotlb_check(const struct machine *m, struct text *out)
{
	const struct swiotlb *s = &m->devices.swiotlb;
	unsigned bad = 0;

	if (!s->slots_at)
		return 0;
	for (uint32_t area = 0; area < s->nareas; area++)
		bad += check_area(m, area, out);
	return bad;
}
