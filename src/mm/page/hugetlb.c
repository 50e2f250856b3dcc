/* SPDX-License-Identifier: MIT
 *
 * The pool of huge pages: compound pages set aside for hugetlbfs (hugetlb.h).
 *
 * 1. A write of nr_hugepages allocates or frees huge pages one by one, each from the next node in turn, until the
 *    number is reached or no node has one. The writer is told nothing: it reads back what fitted. It is done in slices,
 *    since each page may have to be made by compaction; a signal ends it with what there is by then, as on Linux.
 * 2. A huge page is a compound page of the page allocator like any other; the pool keeps its pfn. What fails here
 *    for want of a free block will succeed more often when reclaim exists.
 *
 * Invariant: the pool holds nr pfns, of which nr_on_node[n] are of node n, and all are free: the file system that
 * gives them to processes, reservations, surplus pages and other sizes come later.
 * Follows mm/hugetlb.c of Linux 6.1 (set_max_huge_pages()).
 */
#include "mm/page/hugetlb.h"

#include "base/parse.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <assert.h>
#include <string.h>

#define POOL_LEAST     64u
#define PAGES_PER_STEP 256u

unsigned hugetlb_order(const struct machine *m)
{
	return m->arch == ARCH_I386 && !machine_has(m, CONFIG_X86_PAE) ? 10 : 9;
}

static uint64_t *pool(const struct machine *m)
{
	return machine_at(m, m->hugetlb.at);
}

uint64_t hugetlb_pages(const struct machine *m)
{
	return m->hugetlb.nr;
}

uint64_t hugetlb_node_pages(const struct machine *m, unsigned nid)
{
	return m->hugetlb.nr_on_node[nid];
}

/* htlb_alloc_mask(): 64-bit kernels can migrate huge pages. */
static gfp_t pool_gfp(const struct machine *m)
{
	gfp_t gfp = machine_has(m, CONFIG_64BIT) ? GFP_HIGHUSER_MOVABLE : GFP_HIGHUSER;

	return gfp | __GFP_COMP | __GFP_NOWARN | __GFP_THISNODE | __GFP_RETRY_MAYFAIL;
}

static bool make_room(struct machine *m)
{
	struct hugetlb *h = &m->hugetlb;

	if (h->nr < h->cap)
		return true;
	uint64_t cap = h->cap ? h->cap * 2 : POOL_LEAST;
	uint64_t at = heap_grow(m, h->at, h->cap * sizeof(uint64_t), cap * sizeof(uint64_t));
	if (!at)
		return false;
	h->at = at;
	h->cap = cap;
	return true;
}

static void add_page(struct machine *m, unsigned nid, uint64_t pfn)
{
	struct hugetlb *h = &m->hugetlb;

	count_event(m, EV_htlb_buddy_alloc_success, 1);
	frame_of(m, pfn)->flags |= FRAME_HUGE;
	pool(m)[h->nr++] = pfn;
	h->nr_on_node[nid]++;
}

/* One more page on the node at hand, or a slice of the compaction that it needs. 1: it goes on; 0: made; or it cannot be. */
static int grow(struct machine *m, unsigned clusters)
{
	struct hugetlb *h = &m->hugetlb;
	uint64_t pfn;
	int ret;

	if (!h->allocating && (!node_at(m, h->nid)->has_memory || !make_room(m)))
		return -1;
	callstack_push(&m->callstack, CALLER_hugetlb);
	ret = h->allocating ? alloc_pages_more(m, clusters, &pfn)
			    : alloc_pages_begin(
				      m, 0, (int)h->nid, 0, pool_gfp(m), hugetlb_order(m), &pfn);
	callstack_pop(&m->callstack);
	h->allocating = ret > 0;
	if (!ret)
		add_page(m, h->nid, pfn);
	else if (ret < 0)
		count_event(m, EV_htlb_buddy_alloc_fail, 1);
	return ret;
}

/* The page of the node that was made last; the hole is filled by the last one of the pool. */
static bool shrink_on(struct machine *m, unsigned nid)
{
	struct hugetlb *h = &m->hugetlb;

	for (uint64_t i = h->nr_on_node[nid] ? h->nr : 0; i--;) {
		uint64_t pfn = pool(m)[i];

		if (pfn_zone(m, pfn)->nid != nid)
			continue;
		pool(m)[i] = pool(m)[--h->nr];
		h->nr_on_node[nid]--;
		frame_of(m, pfn)->flags &= ~(uint32_t)FRAME_HUGE;
		/* It may have been freed under the pool's hands, by who had its pfn: then it is gone. */
		(void)free_pages_order(m, 0, pfn, hugetlb_order(m));
		return true;
	}
	return false;
}

/* ---- in slices ---- */

void hugetlb_resize_begin(struct machine *m, uint64_t wanted, int nid)
{
	struct hugetlb *h = &m->hugetlb;

	assert(nid < (int)m->nr_nodes && !h->resizing);
	h->wanted = wanted;
	h->on = nid;
	h->tried = 0;
	h->resizing = true;
}

/* One page more or less on the next node in turn, or a slice of that. False: all nodes said no. */
static bool one_step(struct machine *m, bool more, unsigned clusters)
{
	struct hugetlb *h = &m->hugetlb;

	if (!h->allocating)
		h->nid = h->on >= 0 ? (unsigned)h->on : h->next_nid++ % m->nr_nodes;
	int ret = more ? grow(m, clusters) : shrink_on(m, h->nid) ? 0 : -1;

	if (!ret)
		h->tried = 0;
	if (ret >= 0)
		return true;
	return ++h->tried < m->nr_nodes && h->on < 0;
}

bool hugetlb_resize_step(struct machine *m, unsigned clusters)
{
	struct hugetlb *h = &m->hugetlb;

	for (unsigned pages = 0; pages < PAGES_PER_STEP; pages++) {
		uint64_t now = h->on < 0 ? h->nr : h->nr_on_node[h->on];

		h->resizing = now != h->wanted && one_step(m, now < h->wanted, clusters);
		if (!h->resizing || h->allocating)
			break;
	}
	/* What did not fit is no refusal. */
	refusal_clear(&m->why);
	return h->resizing;
}

void hugetlb_resize_stop(struct machine *m)
{
	struct hugetlb *h = &m->hugetlb;

	if (h->allocating) {
		alloc_pages_interrupt(m);
		(void)grow(m, 1);
	}
	h->resizing = false;
	refusal_clear(&m->why);
}

void hugetlb_resize(struct machine *m, uint64_t wanted, int nid)
{
	hugetlb_resize_begin(m, wanted, nid);
	while (hugetlb_resize_step(m, UINT32_MAX))
		;
}

void hugetlb_init(struct machine *m)
{
	static const char key[] = "hugepages=";
	uint64_t wanted = 0;

	if (!machine_has(m, CONFIG_HUGETLB_PAGE))
		return;
	for (const char *s = m->cmdline; *s;) {
		size_t word = strcspn(s, " \t");

		if (word > sizeof(key) - 1 && !memcmp(s, key, sizeof(key) - 1) &&
			!parse_u64(s + sizeof(key) - 1, word - (sizeof(key) - 1), 0, &wanted))
			wanted = 0;
		s += word;
		s += strspn(s, " \t");
	}
	hugetlb_resize(m, wanted, -1);
	uint64_t kb = (PAGE_BYTES << hugetlb_order(m)) >> 10;
	log_printf(m, "HugeTLB: registered %llu.00 MiB page size, pre-allocated %llu pages",
		(unsigned long long)kb >> 10, (unsigned long long)m->hugetlb.nr);
}
