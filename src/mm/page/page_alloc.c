/* SPDX-License-Identifier: MIT
 *
 * alloc_pages(): which zone, under which conditions, and what if none.
 *
 *	gfp flags ──> highest zone that will do, migratetype, how deep it may dip
 *	    │
 *	    ▼  first attempt: low watermarks, and no mixing of types if a DMA32 zone could help out
 *	zonelist of the node:  Normal 0 ─> DMA32 0 ─> DMA 0 ─> Normal 1 ...   the first zone above its mark
 *	    │                     │
 *	    │                     └─> the CPU's list (orders 0-3 and the THP order), else the free lists
 *	    ▼  slow path (slowpath.c): wake kswapd, min watermarks, dips into the reserves, compaction
 *	failure
 *
 * The watermarks that count are each zone's own plus what it keeps for requests that cannot go elsewhere
 * (watermark_ok.c). Statistics: numa_hit and numa_miss tell whether the node was the preferred one, numa_local and
 * numa_other whether it was the CPU's.
 *
 * Left out: cpusets; memory policies. Follows mm/page_alloc.c of 6.1.176 (get_page_from_freelist(), rmqueue()).
 */
#include "mm/page/above.h"

#include "hw/dram.h"
#include "mm/page/contents.h"
#include "mm/page/pcp.h"

#include <errno.h>

/* The way of a single page is one function (alloc_page_begin()). */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

struct zone *request_zone(const struct machine *m, const struct alloc_request *r, unsigned *i)
{
	for (; *i < r->node->nr_fallback; ++*i) {
		struct zoneref ref = r->node->fallback[*i];

		if (ref.type > r->highest)
			continue;
		/* ZONELIST_NOFALLBACK is the node's own zones in the same order. */
		if (r->gfp & __GFP_THISNODE && ref.nid != r->nid)
			continue;
		if (r->nodes && !(r->nodes >> ref.nid & 1))
			continue;
		return zone_at(m, ref.nid, (enum zone_type)ref.type);
	}
	return NULL;
}

static void count_numa(const struct machine *m, const struct alloc_request *r, struct zone *z)
{
	if (!machine_has(m, CONFIG_NUMA))
		return;
	if (z->nid == r->preferred->nid) {
		z->numa_stat[NS_numa_hit]++;
	} else {
		z->numa_stat[NS_numa_miss]++;
		r->preferred->numa_stat[NS_numa_foreign]++;
	}
	z->numa_stat[z->nid == m->cpu_node[r->cpu] ? NS_numa_local : NS_numa_other]++;
}

static enum vm_event_item pgalloc_event(enum zone_type type)
{
	static const enum vm_event_item events[MAX_NR_ZONES] = {EV_pgalloc_dma, EV_pgalloc_dma32,
		EV_pgalloc_normal, EV_pgalloc_high, EV_pgalloc_movable, EV_pgalloc_device};

	return events[type];
}

static void count_alloc(struct machine *m, const struct alloc_request *r, struct zone *z)
{
	count_event(m, pgalloc_event(z->type), (uint64_t)1 << r->order);
	count_numa(m, r, z);
}

/* From the zone's free lists (rmqueue_buddy()). */
static uint64_t take_from_lists(
	struct machine *m, const struct alloc_request *r, struct zone *z, unsigned alloc_flags)
{
	enum migratetype list = MIGRATE_HIGHATOMIC;
	uint64_t pfn = NO_PFN;

	clock_charge(m, BUDDY_ALLOC);
	if (alloc_flags & ALLOC_HIGHATOMIC)
		pfn = rmqueue_smallest(m, z, r->order, MIGRATE_HIGHATOMIC, r->cpu);
	if (pfn == NO_PFN) {
		pfn = rmqueue_zone(m, z, r->order, r->type, alloc_flags, r->cpu, &list);
		/* Failing now is worse than failing a large atomic request later. */
		if (pfn == NO_PFN && alloc_flags & (ALLOC_OOM | ALLOC_NON_BLOCK)) {
			list = MIGRATE_HIGHATOMIC;
			pfn = rmqueue_smallest(m, z, r->order, MIGRATE_HIGHATOMIC, r->cpu);
		}
	}
	if (pfn != NO_PFN)
		zone_count_free(z, -((int64_t)1 << r->order), list);
	return pfn;
}

/* rmqueue() */
ALWAYS_INLINE uint64_t take_from_zone(
	struct machine *m, const struct alloc_request *r, struct zone *z, unsigned alloc_flags)
{
	uint64_t pfn = NO_PFN;

	/* The Movable list may hold CMA pages, which a request without the right to them must not get. */
	if (pcp_allowed_order(m, r->order) &&
		(!machine_has(m, CONFIG_CMA) || alloc_flags & ALLOC_CMA ||
			r->type != MIGRATE_MOVABLE)) {
		clock_charge(m, PCP_ALLOC);
		pfn = pcp_alloc(m, z, r->cpu, r->order, r->type, alloc_flags);
	}
	if (pfn == NO_PFN)
		pfn = take_from_lists(m, r, z, alloc_flags);
	if (pfn != NO_PFN)
		count_alloc(m, r, z);
	if (z->boosted) {
		z->boosted = false;
		kswapd_wake(m, z, 0, z->type, true);
	}
	return pfn;
}

static __attribute__((noinline)) void clear_pages(struct machine *m, uint64_t pfn, unsigned order)
{
	struct dram dram = machine_dram(m);

	/* A single page will be used soon: clearing it is quicker than giving its memory back. */
	if (!order && dram_has(&dram, pfn << PAGE_SHIFT))
		memset(dram_at(&dram, pfn << PAGE_SHIFT), 0, PAGE_BYTES);
	else
		dram_zero(&dram, pfn << PAGE_SHIFT, PAGE_BYTES << order);
}

ALWAYS_INLINE void prep(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, gfp_t gfp)
{
	struct frame *f = frame_of(m, pfn);

	assert(!frame_is_head(f));
	f->refcount = 1;
	/* The frame is zero. */
	if (order)
		f->order = order & 15;
	f->flags |= (order && gfp & __GFP_COMP ? FRAME_HEAD : 0u) |
		    (gfp & __GFP_MOVABLE ? FRAME_MOVABLE : 0u);
	/* Its last owner's differences between caches and DRAM are nobody's any more. */
	if (__builtin_expect(m->devices.stale.nr != 0, 0))
		page_alloc_above.settle(m, pfn << PAGE_SHIFT, PAGE_BYTES << order);
	if (gfp & __GFP_ZERO) {
		if (order || m->devices.stale.nr || frame_has_contents(m, pfn))
			clear_pages(m, pfn, order);
		clock_charge_ns(m, (uint64_t)COST_NS_ZERO_PAGE << order);
	}
	if (__builtin_expect(m->page_owners.inited, 0))
		set_page_owner(m, cpu, pfn, order, gfp);
}

void prep_new_page(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, gfp_t gfp)
{
	prep(m, cpu, pfn, order, gfp);
}

/* From one zone, if it is above its mark. */
ALWAYS_INLINE uint64_t try_zone(
	struct machine *m, const struct alloc_request *r, struct zone *z, unsigned alloc_flags)
{
	uint64_t mark = wmark_pages(z, (enum watermark)(alloc_flags & ALLOC_WMARK_MASK));

	if (!(alloc_flags & ALLOC_NO_WATERMARKS) &&
		!watermark_fast(m, z, r->order, mark, r->highest, alloc_flags, r->gfp))
		return NO_PFN;
	uint64_t pfn = take_from_zone(m, r, z, alloc_flags);

	if (pfn == NO_PFN)
		return NO_PFN;
	prep(m, r->cpu, pfn, r->order, r->gfp);
	if (alloc_flags & ALLOC_HIGHATOMIC)
		highatomic_reserve(m, z, pfn);
	return pfn;
}

/* The preferred zone had none. */
static uint64_t take_page_elsewhere(
	struct machine *m, const struct alloc_request *r, unsigned alloc_flags)
{
	struct zone *z;

	for (unsigned i = r->first + 1; r->preferred && (z = request_zone(m, r, &i)); i++) {
		/* Locality is more important than fragmentation: before a remote node, mix types. */
		if (alloc_flags & ALLOC_NOFRAGMENT && m->nr_nodes > 1 &&
			z->nid != r->preferred->nid)
			break;
		uint64_t pfn = try_zone(m, r, z, alloc_flags);

		if (pfn != NO_PFN)
			return pfn;
	}
	if (alloc_flags & ALLOC_NOFRAGMENT)
		return take_page(m, r, alloc_flags & ~(unsigned)ALLOC_NOFRAGMENT);
	return NO_PFN;
}

ALWAYS_INLINE uint64_t take(struct machine *m, const struct alloc_request *r, unsigned alloc_flags)
{
	uint64_t pfn = r->preferred ? try_zone(m, r, r->preferred, alloc_flags) : NO_PFN;

	return __builtin_expect(pfn != NO_PFN, 1) ? pfn : take_page_elsewhere(m, r, alloc_flags);
}

uint64_t take_page(struct machine *m, const struct alloc_request *r, unsigned alloc_flags)
{
	return take(m, r, alloc_flags);
}

/* Normal above DMA32 is the one pair of zones between which spreading avoids fragmentation at no great cost
 * (alloc_flags_nofragment()); on one node the kernel takes a DMA32 beside Normal for granted. */
static unsigned nofragment_flag(const struct machine *m, const struct alloc_request *r)
{
	if (!zone_configured(m, ZONE_DMA32) || !r->preferred || r->preferred->type != ZONE_NORMAL)
		return 0;
	if (m->nr_nodes > 1 && !zone_populated(zone_at(m, r->preferred->nid, ZONE_DMA32)))
		return 0;
	return ALLOC_NOFRAGMENT;
}

static void trace_alloc(struct machine *m, const struct alloc_request *r, uint64_t pfn)
{
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = pfn,
			     .gfp = r->gfp,
			     .event = TRACE_mm_page_alloc,
			     .cpu = (uint8_t)r->cpu,
			     .order = (uint8_t)r->order,
			     .migratetype = (uint8_t)r->type});
}

/* The sentence for a request that was not served. */
static int refuse_alloc(struct machine *m, const struct alloc_request *r)
{
	if (!r->preferred)
		return refuse(&m->why, ENOMEM,
			"node %u has no memory in a zone that these flags allow", r->nid);
	const struct zone *z = r->preferred;
	bool blocks = false;
	for (unsigned order = r->order; order < m->nr_orders; order++)
		blocks |= z->area[order].nr_free != 0;
	if (!blocks && z->free_pages >= (uint64_t)1 << r->order)
		return refuse(&m->why, ENOMEM,
			"no free block of order %u or larger in zone %s of node %u (nor in the "
			"zones after it): its "
			"%llu free pages lie in smaller blocks",
			r->order, zone_name(z->type), z->nid, (unsigned long long)z->free_pages);
	return refuse(&m->why, ENOMEM,
		"no zone may give 2^%u pages: zone %s of node %u has %llu free, its min watermark "
		"is %llu",
		r->order, zone_name(z->type), z->nid, (unsigned long long)z->free_pages,
		(unsigned long long)wmark_pages(z, WMARK_MIN));
}

ALWAYS_INLINE int request_init(struct machine *m, struct alloc_request *r, unsigned cpu, int nid,
	uint64_t nodes, gfp_t gfp, unsigned order)
{
	assert(cpu < m->nr_cpus);
	if (nid >= (int)m->nr_nodes)
		return refuse(&m->why, EINVAL, "node %d: this machine has nodes 0-%u", nid,
			m->nr_nodes - 1);
	*r = (struct alloc_request){.gfp = gfp,
		.order = order,
		.cpu = cpu,
		.nid = nid < 0 ? m->cpu_node[cpu] : (unsigned)nid,
		.nodes = nodes,
		.highest = gfp_zone(m, gfp),
		.type = gfp_migratetype(m, gfp)};
	r->node = node_at(m, r->nid);
	r->preferred = request_zone(m, r, &r->first);
	return 0;
}

static int refuse_order(struct machine *m, gfp_t gfp, unsigned order)
{
	if (!(gfp & __GFP_NOWARN) && !m->page_alloc.warned_order) {
		m->page_alloc.warned_order = true;
		log_printf(m,
			"WARNING: CPU: 0 PID: 0 at mm/page_alloc.c __alloc_pages: order %u >= "
			"MAX_ORDER %u",
			order, m->nr_orders);
	}
	return refuse(&m->why, EINVAL,
		"order %u: this machine's orders are 0 to %u (MAX_ORDER is %u)", order,
		m->nr_orders - 1, m->nr_orders);
}

/* The end of an allocation: *@pfn is NO_PFN when none was found. */
ALWAYS_INLINE int finish(struct machine *m, const struct alloc_request *r, uint64_t pfn)
{
	if (trace_wants(&m->trace, TRACE_mm_page_alloc))
		trace_alloc(m, r, pfn);
	if (m->checks_full)
		page_alloc_verify(m);
	if (pfn != NO_PFN)
		return 0;
	/* The host's limit is not the simulated machine's. */
	if (m->why.err == EDQUOT)
		return -EDQUOT;
	report_failure(m, r);
	return refuse_alloc(m, r);
}

ALWAYS_INLINE int begin(struct machine *m, unsigned cpu, int nid, uint64_t nodes, gfp_t gfp,
	unsigned order, uint64_t *pfn)
{
	struct alloc_request r;
	int err = request_init(m, &r, cpu, nid, nodes, gfp, order);

	if (err)
		return err;
	m->why.err = 0;
	if (m->fail_page_alloc.probability && fault_inject_page_alloc(m, gfp, order))
		return refuse(&m->why, ENOMEM, "fail_page_alloc made this allocation fail");

	unsigned flags = WMARK_LOW | kswapd_flag(gfp) | cma_flag(m, &r) | nofragment_flag(m, &r);
	*pfn = take(m, &r, flags);
	if (__builtin_expect(*pfn == NO_PFN, 0) && r.preferred && slowpath_begin(m, &r, nid, pfn))
		return 1;
	return finish(m, &r, *pfn);
}

int alloc_pages_begin(struct machine *m, unsigned cpu, int nid, uint64_t nodes, gfp_t gfp,
	unsigned order, uint64_t *pfn)
{
	if (order >= m->nr_orders)
		return refuse_order(m, gfp, order);
	int err = gfp_check(gfp, &m->why);

	return err ? err : begin(m, cpu, nid, nodes, gfp, order, pfn);
}

/* Most allocations are of this kind: the compiler leaves out what they do not ask. */
int alloc_page_begin(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t *pfn)
{
	return begin(m, cpu, -1, 0, gfp, 0, pfn);
}

int alloc_pages_more(struct machine *m, unsigned clusters, uint64_t *pfn)
{
	const struct alloc_slow *s = &m->page_alloc.slow;
	struct alloc_request r;
	int err = request_init(m, &r, s->cpu, s->nid, s->nodes, s->gfp, s->order);

	assert(!err);
	m->why.err = err;
	if (slowpath_step(m, &r, clusters, pfn))
		return 1;
	if (*pfn == NO_PFN && s->interrupted)
		return refuse(&m->why, EINTR,
			"interrupted while it compacted: pages that have moved stay where they "
			"are now");
	return finish(m, &r, *pfn);
}

/* The zone from whose lists a whole bulk may come: local, and above its mark by the bulk. */
static struct zone *bulk_zone(
	struct machine *m, const struct alloc_request *r, uint64_t n, unsigned flags)
{
	struct zone *z;

	for (unsigned i = r->first; (z = request_zone(m, r, &i)); i++) {
		if (z->nid != r->preferred->nid)
			return NULL;
		if (watermark_fast(m, z, 0, wmark_pages(z, WMARK_LOW) + n, r->preferred->type,
			    flags, r->gfp))
			return z;
	}
	return NULL;
}

uint64_t alloc_pages_bulk(
	struct machine *m, unsigned cpu, int nid, gfp_t gfp, uint64_t n, uint64_t *pfns)
{
	struct alloc_request r = {0};
	uint64_t done = 0;

	if (!n || gfp_check(gfp, &m->why) || request_init(m, &r, cpu, nid, 0, gfp, 0))
		return 0;
	m->why.err = 0;
	if (n > 1 && m->fail_page_alloc.probability && fault_inject_page_alloc(m, gfp, 0)) {
		refuse(&m->why, ENOMEM, "fail_page_alloc made this allocation fail");
		return 0;
	}
	unsigned flags = WMARK_LOW | cma_flag(m, &r);
	struct zone *z = n > 1 && r.preferred ? bulk_zone(m, &r, n, flags) : NULL;
	for (; z && done < n; done++) {
		uint64_t pfn = pcp_alloc(m, z, cpu, 0, r.type, flags);

		if (pfn == NO_PFN)
			break;
		clock_charge(m, PCP_ALLOC);
		prep_new_page(m, cpu, pfn, 0, gfp);
		count_alloc(m, &r, z);
		pfns[done] = pfn;
	}
	if (m->checks_full)
		page_alloc_verify(m);
	/* At least one page, by all means. */
	if (!done && !alloc_pages_node(m, cpu, nid, gfp, 0, &pfns[0]))
		done = 1;
	return done;
}
