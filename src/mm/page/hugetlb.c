/* SPDX-License-Identifier: MIT
 *
 * The pool of huge pages: compound pages set aside for hugetlbfs (hugetlb.h).
 *
 * 1. A write of nr_hugepages allocates or frees huge pages one by one, each from the next node in turn, until the
 *    number is reached or no node has one. The writer is told nothing: it reads back what fitted.
 * 2. A huge page is a compound page of the page allocator like any other; the pool keeps its pfn. What fails here
 *    for want of a free block will succeed more often when reclaim and compaction exist.
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

#define POOL_LEAST 64u

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

static bool grow_on(struct machine *m, unsigned nid)
{
	struct hugetlb *h = &m->hugetlb;
	uint64_t pfn;

	if (!node_at(m, nid)->has_memory || !make_room(m))
		return false;
	callstack_push(&m->callstack, CALLER_hugetlb);
	int err = alloc_pages_node(m, 0, (int)nid, pool_gfp(m), hugetlb_order(m), &pfn);
	callstack_pop(&m->callstack);
	if (err) {
		count_event(m, EV_htlb_buddy_alloc_fail, 1);
		return false;
	}
	count_event(m, EV_htlb_buddy_alloc_success, 1);
	frame_of(m, pfn)->flags |= FRAME_HUGE;
	pool(m)[h->nr++] = pfn;
	h->nr_on_node[nid]++;
	return true;
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

/* One page more or less on the next node that can, beginning where the last one ended. */
static bool one_step(struct machine *m, bool grow, int nid)
{
	for (unsigned tried = 0; tried < m->nr_nodes; tried++) {
		unsigned next = nid >= 0 ? (unsigned)nid : m->hugetlb.next_nid++ % m->nr_nodes;

		if (grow ? grow_on(m, next) : shrink_on(m, next))
			return true;
		if (nid >= 0)
			break;
	}
	return false;
}

void hugetlb_resize(struct machine *m, uint64_t wanted, int nid)
{
	assert(nid < (int)m->nr_nodes);
	for (;;) {
		uint64_t now = nid < 0 ? m->hugetlb.nr : m->hugetlb.nr_on_node[nid];

		if (now == wanted || !one_step(m, now < wanted, nid))
			break;
	}
	/* What did not fit is no refusal. */
	refusal_clear(&m->why);
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
