/* SPDX-License-Identifier: MIT
 *
 * Per-CPU page lists: a CPU's own stock of one zone's pages, so that most requests need no lock.
 *
 *	list    0 U  1 M  2 R | 3 U  4 M  5 R | 6 7 8   | 9 10 11 | 12 others | 13 M
 *	order   0             | 1             | 2       | 3       | pageblock order (with THP)
 *
 *   alloc: the first block of the list. When it is empty it is filled with a batch from the zone, put at
 *          the tail in the order in which they come, so a run of blocks is given out in ascending addresses.
 *   free:  to the head: it is the one whose contents the CPU's cache still has. When the lists hold `high` pages, a
 *          batch goes back to the zone: from the tails, list by list in a circle that starts with the list just
 *          freed to, emptying no more than asked. While only frees come, the batch doubles (free_factor). Neighbours that
 *          would merge with each other go back as the block that they become.
 *
 * Blocks on these lists are in no free count, do not merge, and have FRAME_PCP and in `index` the migratetype
 * to which they go back. CMA and HighAtomic blocks lie on the Movable list; freed pages of isolated
 * pageblocks bypass the lists. A small zone has a batch of 1, and high 0 before boot has set the sizes.
 *
 * Invariant: count is the sum of 1 << order over all lists.
 * Left out: the limit while reclaim is active (ZONE_RECLAIM_ACTIVE), which comes with reclaim, and remote CPUs'
 * lists expiring (vmstat's refresh). Follows mm/page_alloc.c of 6.1.176.
 */
#include "mm/page/pcp.h"

#include "mm/page/internal.h"

#define PCP_BATCH_SCALE_MAX 5 /* CONFIG_PCP_BATCH_SCALE_MAX */

static unsigned list_order(const struct machine *m, unsigned index)
{
	return index >= PCP_LOW_LISTS ? m->pcp_thp_order : index / MIGRATE_PCPTYPES;
}

static void push(struct machine *m, struct frame_list *list, uint64_t pfn, unsigned order,
	enum migratetype type)
{
	struct frame *f = frame_of(m, pfn);

	*f = (struct frame){.flags = FRAME_PCP, .index = type, .order = order & 15};
	frame_list_add(m, list, f, pfn, false);
}

/* @nr neighbours, the first one at @pfn, to the tail. */
static void push_run(struct machine *m, struct frame_list *list, uint64_t pfn, uint64_t nr,
	unsigned order, enum migratetype type)
{
	uint32_t self = (uint32_t)(pfn + 1), block = 1u << order, prev = list->tail;
	struct frame *f = frame_of(m, pfn);

	if (prev)
		frame_of(m, prev - 1)->next = self;
	else
		list->head = self;
	for (; nr; nr--, f += block, prev = self, self += block)
		*f = (struct frame){.flags = FRAME_PCP,
			.next = nr > 1 ? self + block : 0,
			.prev = prev,
			.index = type,
			.order = order & 15};
	list->tail = prev;
}

/* rmqueue_bulk(): fill an empty list. */
static void refill(struct machine *m, struct zone *z, struct pcp *pcp, struct frame_list *list,
	unsigned cpu, unsigned order, enum migratetype type, unsigned alloc_flags)
{
	uint64_t batch = z->pcp_batch ? z->pcp_batch : 1;

	if (batch > 1) {
		batch >>= order;
		if (batch < 2)
			batch = 2;
	}
	for (uint64_t nr = batch; batch; batch -= nr, nr = batch) {
		enum migratetype from;
		uint64_t pfn = rmqueue_some(m, z, order, type, alloc_flags, cpu, &from, &nr);

		if (pfn == NO_PFN)
			break;
		push_run(m, list, pfn, nr, order, from);
		zone_count_free(z, -(int64_t)(nr << order), from);
		pcp->count += (uint32_t)nr << order;
	}
	clock_charge(m, BUDDY_ALLOC);
}

uint64_t pcp_refill_and_take(struct machine *m, struct zone *z, unsigned cpu, unsigned order,
	enum migratetype type, unsigned alloc_flags)
{
	struct pcp *pcp = zone_pcp(m, z, cpu);
	struct frame_list *list = &pcp->list[pcp_list(m, order, type)];

	refill(m, z, pcp, list, cpu, order, type, alloc_flags);
	if (list->head)
		return pcp_take(m, z, cpu, order, type);
	pcp->free_factor >>= 1;
	return NO_PFN;
}

static void trace_drain(
	struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, enum migratetype type)
{
	if (!trace_wants(&m->trace, TRACE_mm_page_pcpu_drain))
		return;
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = pfn,
			     .event = TRACE_mm_page_pcpu_drain,
			     .cpu = (uint8_t)cpu,
			     .order = (uint8_t)order,
			     .migratetype = (uint8_t)type});
}

/* log2 of how many blocks at the list's tail, at most @most, are a larger block together: one behind the other, in one
 * pageblock. */
static unsigned tail_run(const struct machine *m, const struct frame_list *list, uint64_t most)
{
	const struct frame *first = frame_of(m, list->tail - 1), *f = first;
	uint64_t block = (uint64_t)1 << first->order, at = list->tail;
	unsigned log = 0;

	for (; first->order + log < m->pageblock_order && (uint64_t)2 << log <= most; log++) {
		if ((list->tail - 1) & block << log)
			return log;
		for (uint64_t i = (uint64_t)1 << log; i; i--) {
			at += block;
			if (f->prev != at)
				return log;
			f = frame_of(m, at - 1);
			if (f->index != first->index)
				return log;
		}
	}
	return log;
}

/* The coldest blocks of a list, at most @most, go back to the zone: as many as merge with each other anyhow at once.
 * Returns how many. */
static uint64_t free_last(struct machine *m, struct zone *z, struct pcp *pcp,
	struct frame_list *list, unsigned cpu, uint64_t most)
{
	uint64_t pfn = list->tail - 1;
	unsigned order = frame_of(m, pfn)->order, log = tail_run(m, list, most);
	enum migratetype type = (enum migratetype)frame_of(m, pfn)->index;
	uint64_t nr = (uint64_t)1 << log;

	assert(pcp->count >= nr << order);
	for (uint64_t i = 0; i < nr; i++) {
		struct frame *f = frame_of(m, list->tail - 1);

		assert(f->flags == FRAME_PCP);
		list->tail = f->prev;
		*f = (struct frame){0};
	}
	if (list->tail)
		frame_of(m, list->tail - 1)->next = 0;
	else
		list->head = 0;
	pcp->count -= (uint32_t)(nr << order);
	/* The pageblock may have been isolated while the page lay here. */
	if (z->nr_isolate_pageblock)
		type = pageblock_type(m, pfn);
	zone_count_free(z, (int64_t)(nr << order), type);
	buddy_free(m, z, pfn, order + log, type, false);
	for (uint64_t i = 0; i < nr; i++)
		trace_drain(m, cpu, pfn + (i << order), order, type);
	return nr;
}

/* free_pcppages_bulk(): @pages back to the zone, beginning with list @index. */
static void free_bulk(struct machine *m, struct zone *z, struct pcp *pcp, unsigned cpu,
	uint64_t pages, unsigned index)
{
	unsigned min = 0, max = PCP_MAX_LISTS - 1;
	int64_t left = (int64_t)(pages < pcp->count ? pages : pcp->count);
	bool first = true;

	if (left)
		clock_charge(m, BUDDY_FREE);
	while (left > 0) {
		struct frame_list *list;

		for (;;) {
			if (!first && ++index > max)
				index = min;
			first = false;
			list = &pcp->list[index];
			if (list->head)
				break;
			/* Empty ends of the circle are not visited again. */
			if (index == max)
				max--;
			if (index == min)
				min++;
			assert(min <= max);
		}
		int64_t block = (int64_t)1 << list_order(m, index);
		do {
			uint64_t most = (uint64_t)(left + block - 1) / (uint64_t)block;

			left -= block * (int64_t)free_last(m, z, pcp, list, cpu, most);
		} while (left > 0 && list->head);
	}
}

/* nr_pcp_free(): how many pages go back when the lists are full. */
static uint64_t free_batch(const struct zone *z, struct pcp *pcp, uint64_t batch)
{
	uint64_t high = z->pcp_high;

	if (high < batch)
		return 1;
	uint64_t most = high - batch;
	uint64_t n = batch << pcp->free_factor;
	if (n < most && pcp->free_factor < PCP_BATCH_SCALE_MAX)
		pcp->free_factor++;
	return n > most ? most : n;
}

/* To the list @index of @pcp. */
static inline void free_to(struct machine *m, struct zone *z, struct pcp *pcp, unsigned cpu,
	unsigned index, uint64_t pfn, unsigned order, enum migratetype type)
{
	/* Many frees of larger blocks in a row: they would keep memory from merging, so all goes back. */
	bool all = pcp->free_factor && order && order <= PCP_COSTLY_ORDER;

	push(m, &pcp->list[index], pfn, order, type);
	pcp->count += 1u << order;
	if (all)
		free_bulk(m, z, pcp, cpu, pcp->count, index);
	else if (pcp->count >= z->pcp_high)
		free_bulk(
			m, z, pcp, cpu, free_batch(z, pcp, z->pcp_batch ? z->pcp_batch : 1), index);
}

static unsigned list_of(const struct machine *m, unsigned order, enum migratetype type)
{
	assert(type != MIGRATE_ISOLATE);
	return pcp_list(m, order, type < MIGRATE_PCPTYPES ? type : MIGRATE_MOVABLE);
}

void pcp_free(struct machine *m, struct zone *z, unsigned cpu, uint64_t pfn, unsigned order,
	enum migratetype type)
{
	free_to(m, z, zone_pcp(m, z, cpu), cpu, list_of(m, order, type), pfn, order, type);
}

void pcp_free_list(struct machine *m, struct zone *z, unsigned cpu, const uint64_t *pfns,
	unsigned nr, enum migratetype type)
{
	struct pcp *pcp = zone_pcp(m, z, cpu);
	unsigned index = list_of(m, 0, type);

	for (unsigned i = 0; i < nr; i++)
		free_to(m, z, pcp, cpu, index, pfns[i], 0, type);
}

static void drain_zone(struct machine *m, struct zone *z, unsigned cpu)
{
	struct pcp *pcp = zone_pcp(m, z, cpu);
	uint64_t batch = (z->pcp_batch ? z->pcp_batch : 1) << PCP_BATCH_SCALE_MAX;

	while (pcp->count)
		free_bulk(m, z, pcp, cpu, batch, 0);
}

void drain_local_pages(struct machine *m, unsigned cpu, struct zone *z)
{
	assert(cpu < m->nr_cpus);
	if (z) {
		drain_zone(m, z, cpu);
		return;
	}
	for (z = zone_next(m, NULL); z; z = zone_next(m, z))
		drain_zone(m, z, cpu);
}

void drain_all_pages(struct machine *m, struct zone *z)
{
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
		drain_local_pages(m, cpu, z);
}
