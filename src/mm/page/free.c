/* SPDX-License-Identifier: MIT
 *
 * Giving pages back: references, frees, and the ways to free wrongly.
 *
 *	__free_pages(page, order)        last reference?  ── yes ─> free 2^order pages
 *	                                        │ no: a compound page waits for its last put_page(); of any other
 *	                                        ▼     block the pages behind the first are freed now
 *	                                 [held][free][free . .]
 *	put_page(page)                   drops a reference; the last one frees: a compound page whole
 *
 * A block's migratetype at the free is its pageblock's now, not that of the request that it served. Small blocks go to
 * the CPU's list (pcp.c), others and those of isolated pageblocks to the free lists.
 *
 * A free that a real kernel would survive by luck only (of a free page, of a page inside a block, with the wrong
 * order) changes nothing here: it gives EINVAL, and the log has the page's state as the kernel's bad_page() prints it.
 *
 * Single pages of processes come many at a time: those that lie in one pageblock have its zone and its list in common.
 *
 * Invariant: a block is freed exactly once, whole.
 * Follows mm/page_alloc.c and mm/swap.c of 6.1 (__free_pages(), free_unref_page_list(), make_alloc_exact(), put_page()).
 */
#include "mm/page/above.h"
#include "mm/page/internal.h"
#include "mm/page/lru.h"
#include "mm/page/pcp.h"

#include <errno.h>

typedef unsigned long long ull;

/* Say what is wrong with freeing or holding @pfn, which no live allocation begins with. */
static int refuse_page(struct machine *m, uint64_t pfn, const char *verb)
{
	if (!pfn_valid(m, pfn))
		return refuse(&m->why, EINVAL,
			"%s: there is no page at pfn 0x%llx (the last is 0x%llx)", verb, (ull)pfn,
			(ull)(m->end_pfn - 1));
	struct frame f = frame_peek(m, pfn);
	ull head = f.mapping ? f.mapping - 1 : (ull)pfn;
	if (f.flags & FRAME_RESERVED) {
		report_bad_page(m, pfn, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
		return refuse(&m->why, EINVAL,
			"%s: pfn 0x%llx is %s: the page allocator never had it", verb, (ull)pfn,
			f.flags & FRAME_HOLE ? "in a hole" : "reserved");
	}
	report_bad_page(m, pfn, "VM_BUG_ON_PAGE(page_ref_count(page) == 0)");
	if (f.flags & FRAME_BUDDY)
		return refuse(&m->why, EINVAL,
			"%s: pfn 0x%llx is free already, in the block of order %u at 0x%llx", verb,
			(ull)pfn, f.order, head);
	if (f.flags & FRAME_PCP)
		return refuse(&m->why, EINVAL,
			"%s: pfn 0x%llx is free already, on a CPU's list (block of order %u at "
			"0x%llx)",
			verb, (ull)pfn, f.order, head);
	return refuse(&m->why, EINVAL,
		"%s: pfn 0x%llx is inside the block of order %u that begins at 0x%llx: name that "
		"one",
		verb, (ull)pfn, f.order, head);
}

/* The frame of the allocated block that begins at @pfn, NULL when refused. */
static struct frame *allocated_block(struct machine *m, uint64_t pfn, const char *verb)
{
	if (pfn >= m->base_pfn && pfn < m->frames_end_pfn && frame_is_live(m, pfn)) {
		struct frame *f = frame_of(m, pfn);

		if (f->refcount && !(f->flags & FRAME_RESERVED))
			return f;
	}
	refuse_page(m, pfn, verb);
	return NULL;
}

static void trace_free(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order)
{
	if (!trace_wants(&m->trace, TRACE_mm_page_free))
		return;
	trace_put(m, &(struct trace_record){.ns = m->clock.now_ns,
			     .pfn = pfn,
			     .event = TRACE_mm_page_free,
			     .cpu = (uint8_t)cpu,
			     .order = (uint8_t)order});
}

/* free_the_page(): the block at @pfn has no reference left. */
static void free_block(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, bool tail)
{
	struct zone *z = pfn_zone(m, pfn);
	enum migratetype type = pageblock_type(m, pfn);

	assert(z);
	trace_free(m, cpu, pfn, order);
	if (__builtin_expect(m->page_owners.inited, 0))
		reset_page_owner(m, pfn, order);
	*frame_of(m, pfn) = (struct frame){0};
	count_event(m, EV_pgfree, (uint64_t)1 << order);
	if (!tail && pcp_allowed_order(m, order) && type != MIGRATE_ISOLATE) {
		clock_charge(m, PCP_FREE);
		pcp_free(m, z, cpu, pfn, order, type);
		return;
	}
	clock_charge(m, BUDDY_FREE);
	zone_count_free(z, (int64_t)1 << order, type);
	buddy_free(m, z, pfn, order, type, tail);
}

static bool is_free_to_go(const struct machine *m, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);

	return !f->refcount && !f->mapcount && !f->order;
}

/* How many of @nr pages, from the first on, lie in its zone and pageblock. */
static unsigned neighbours(
	const struct machine *m, struct zone *z, const uint64_t *pfns, unsigned nr)
{
	uint64_t block = pageblock_index(m, pfns[0]);
	unsigned n = 0;

	while (n < nr && pageblock_index(m, pfns[n]) == block &&
		pfn_zone_near(m, z, pfns[n]) == z) {
		assert(is_free_to_go(m, pfns[n]));
		n++;
	}
	return n;
}

void free_unref_page_list(struct machine *m, unsigned cpu, const uint64_t *pfns, unsigned nr)
{
	/* Who notes each free notes its time. */
	bool noted = m->trace.enabled || m->page_owners.inited;
	struct zone *z = NULL;

	for (unsigned n; nr; pfns += n, nr -= n) {
		enum migratetype type = pageblock_type(m, *pfns);

		z = pfn_zone_near(m, z, *pfns);
		n = neighbours(m, z, pfns, noted ? 1 : nr);
		if (noted || type == MIGRATE_ISOLATE) {
			for (unsigned i = 0; i < n; i++)
				free_block(m, cpu, pfns[i], 0, false);
			continue;
		}
		count_event(m, EV_pgfree, n);
		clock_charge_ns(m, n * COST_NS_PCP_FREE);
		pcp_free_list(m, z, cpu, pfns, n, type);
	}
	if (m->checks_full)
		page_alloc_verify(m);
}

/* Only pages that could move have them. */
static uint32_t dma_references(const struct machine *m, uint64_t pfn, const struct frame *f)
{
	return f->flags & (FRAME_LRU | FRAME_MOVABLE) ? page_alloc_above.dma_references(m, pfn) : 0;
}

static int refuse_state(struct machine *m, uint64_t pfn, const struct frame *f)
{
	if (f->mapcount) {
		report_bad_page(m, pfn, "nonzero mapcount");
		return refuse(&m->why, EINVAL, "pfn 0x%llx is mapped %u times: unmap it first",
			(ull)pfn, f->mapcount);
	}
	/* Linux lets it go, and has what kmalloc counted for ever. */
	if (f->own && f->flags & FRAME_HEAD)
		return refuse(&m->why, EINVAL,
			"pfn 0x%llx begins a block of kmalloc's: kfree() frees it", (ull)pfn);
	/* A page table's type lies where others have their mapcount. */
	if (f->own) {
		report_bad_page(m, pfn, "nonzero mapcount");
		return refuse(&m->why, EINVAL,
			"pfn 0x%llx is the kernel's own (a page table, a stack, a dma-buf): a "
			"kernel without "
			"it would die",
			(ull)pfn);
	}
	if (dma_references(m, pfn, f))
		return refuse(&m->why, EINVAL,
			"pfn 0x%llx is held by what maps it for a device: unmap that first",
			(ull)pfn);
	report_bad_page(m, pfn, "PAGE_FLAGS_CHECK_AT_FREE flag(s) set");
	return refuse(&m->why, EINVAL,
		"pfn 0x%llx is in use (its flags say by whom: sim/page/0x%llx)", (ull)pfn,
		(ull)pfn);
}

/* Flags that no page may have when it is freed (PAGE_FLAGS_CHECK_AT_FREE). */
static bool may_be_freed(const struct frame *f)
{
	return !f->mapcount && !f->own &&
	       !(f->flags & (FRAME_LRU | FRAME_LOCKED | FRAME_WRITEBACK | FRAME_SLAB |
				    FRAME_UNEVICTABLE | FRAME_MLOCKED | FRAME_ACTIVE));
}

uint32_t page_held_references(const struct machine *m, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);

	return f->mapcount + (f->own != 0) + (!(f->flags & FRAME_ANON) && f->mapping) +
	       dma_references(m, pfn, f);
}

bool page_may_lose_reference(const struct machine *m, uint64_t pfn)
{
	const struct frame *f = frame_of(m, pfn);
	uint32_t held;

	if (f->refcount == 1)
		return may_be_freed(f) && !dma_references(m, pfn, f);
	held = page_held_references(m, pfn);
	if (!held && !(f->flags & FRAME_LRU))
		return true;
	return f->refcount > held && (f->refcount - held) % GUP_PIN_BIAS != 0;
}

/* The first page of a block that is no compound page stays with its holders; the rest is freed. */
static void free_behind(
	struct machine *m, unsigned cpu, uint64_t pfn, struct frame *f, unsigned order)
{
	split_page_owner(m, pfn, order);
	f->order = 0;
	while (order-- > 0)
		free_block(m, cpu, pfn + ((uint64_t)1 << order), order, false);
}

int free_pages_order(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order)
{
	struct frame *f = allocated_block(m, pfn, "__free_pages");

	assert(cpu < m->nr_cpus);
	if (!f)
		return -m->why.err;
	if (f->order != order) {
		report_bad_page(m, pfn, "compound_order(page) != order");
		return refuse(&m->why, EINVAL, "pfn 0x%llx was allocated with order %u, not %u",
			(ull)pfn, f->order, order);
	}
	/* Not even what lies behind the first page of the kernel's own goes while others hold that. */
	if (!page_may_lose_reference(m, pfn) || (f->own && order && !(f->flags & FRAME_HEAD)))
		return refuse_state(m, pfn, f);
	if (--f->refcount == 0)
		free_block(m, cpu, pfn, order, false);
	else if (!(f->flags & FRAME_HEAD))
		free_behind(m, cpu, pfn, f, order);
	if (m->checks_full)
		page_alloc_verify(m);
	return 0;
}

void free_own_pages(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order)
{
	frame_of(m, pfn)->own = 0;
	int err = free_pages_order(m, cpu, pfn, order);

	assert(!err);
	(void)err;
}

/* The head of the compound page that @pfn is part of, or @pfn itself. */
static uint64_t compound_head(const struct machine *m, uint64_t pfn)
{
	if (!pfn_valid(m, pfn))
		return pfn;
	struct frame f = frame_peek(m, pfn);
	return f.flags & FRAME_TAIL ? f.mapping - 1 : pfn;
}

int get_page(struct machine *m, uint64_t pfn)
{
	struct frame *f = allocated_block(m, compound_head(m, pfn), "get_page");

	if (!f)
		return -m->why.err;
	if (f->refcount == UINT32_MAX)
		return refuse(&m->why, EOVERFLOW,
			"pfn 0x%llx has as many references as the counter holds", (ull)pfn);
	f->refcount++;
	return 0;
}

int put_page(struct machine *m, unsigned cpu, uint64_t pfn)
{
	pfn = compound_head(m, pfn);
	struct frame *f = allocated_block(m, pfn, "put_page");

	if (!f)
		return -m->why.err;
	if (f->refcount == 1 && f->order && !(f->flags & FRAME_HEAD))
		return refuse(&m->why, EINVAL,
			"put_page would free only the first page of the block of order %u at "
			"0x%llx, which was allocated without "
			"__GFP_COMP: use __free_pages",
			f->order, (ull)pfn);
	/* A process had the page, and who held it since takes it off its list (__page_cache_release()). */
	if (f->refcount == 1 && f->flags & FRAME_LRU && !page_held_references(m, pfn)) {
		f->refcount = 0;
		lru_release(m, &pfn, 1);
		free_unref_page_list(m, cpu, &pfn, 1);
		return 0;
	}
	if (!page_may_lose_reference(m, pfn))
		return refuse_state(m, pfn, f);
	if (--f->refcount)
		return 0;
	free_block(m, cpu, pfn, f->order, false);
	if (m->checks_full)
		page_alloc_verify(m);
	return 0;
}

int split_page(struct machine *m, uint64_t pfn)
{
	struct frame *f = allocated_block(m, pfn, "split_page");

	if (!f)
		return -m->why.err;
	if (f->flags & FRAME_HEAD)
		return refuse(&m->why, EINVAL,
			"split_page: pfn 0x%llx is a compound page (__GFP_COMP)", (ull)pfn);
	if (f->own)
		return refuse(
			&m->why, EINVAL, "split_page: pfn 0x%llx is the kernel's own", (ull)pfn);
	unsigned order = f->order;
	split_page_owner(m, pfn, order);
	f->order = 0;
	for (uint64_t i = 1; i < (uint64_t)1 << order; i++) {
		struct frame *page = frame_of(m, pfn + i);

		page->refcount = 1;
		page->flags = f->flags & FRAME_MOVABLE;
	}
	return 0;
}

int alloc_pages_exact(struct machine *m, unsigned cpu, gfp_t gfp, uint64_t bytes, uint64_t *pfn)
{
	uint64_t pages = (bytes >> PAGE_SHIFT) + (bytes % PAGE_BYTES != 0);
	unsigned order = 0;

	if (!bytes)
		return refuse(&m->why, EINVAL, "alloc_pages_exact: a size of at least one byte");
	while (order < m->nr_orders && (uint64_t)1 << order < pages)
		order++;
	if (gfp & (__GFP_COMP | __GFP_HIGHMEM))
		log_printf(m,
			"WARNING: CPU: %u PID: 0 at mm/page_alloc.c alloc_pages_exact: __GFP_COMP "
			"or __GFP_HIGHMEM",
			cpu);
	gfp &= ~(gfp_t)(__GFP_COMP | __GFP_HIGHMEM);
	int err = alloc_pages_node(m, cpu, -1, gfp, order, pfn);
	if (!err)
		err = split_page(m, *pfn);
	if (err)
		return err;
	/* What the power of two has too much goes straight to the tail of the free lists. */
	for (uint64_t i = pages; i < (uint64_t)1 << order; i++)
		free_block(m, cpu, *pfn + i, 0, true);
	if (m->checks_full)
		page_alloc_verify(m);
	return 0;
}

int free_pages_exact(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t bytes)
{
	uint64_t pages = (bytes >> PAGE_SHIFT) + (bytes % PAGE_BYTES != 0);

	/* All or nothing: first look, then free. */
	for (uint64_t i = 0; i < pages; i++) {
		const struct frame *f = allocated_block(m, pfn + i, "free_pages_exact");

		if (!f)
			return -m->why.err;
		if (f->order)
			return refuse(&m->why, EINVAL,
				"pfn 0x%llx is a block of order %u: free_pages_exact frees single "
				"pages",
				(ull)(pfn + i), f->order);
		if (!page_may_lose_reference(m, pfn + i))
			return refuse_state(m, pfn + i, f);
	}
	for (uint64_t i = 0; i < pages; i++) {
		int err = free_pages_order(m, cpu, pfn + i, 0);

		assert(!err);
		(void)err;
	}
	return 0;
}
