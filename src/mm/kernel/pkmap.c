/* SPDX-License-Identifier: MIT
 *
 * kmap(): windows that anybody may look through (see highmem.h).
 *
 *	pkmap      | 0 | 1 | 2 | 3 | ...      | n-1 |        n = 1024 on i386, 512 with PAE and on ARM: one table
 *	count        0   2   1   3              0
 *	             |   |   |   two users
 *	             |   |   nobody, but TLBs may know it: not to be used before they have forgotten
 *	             |   one user
 *	             free
 *
 * 1. A page that is in a window already gets the same one, and one more user.
 * 2. Otherwise search from the window that was taken last, upwards. When the search passes window 0, first take all
 *    windows of count 1 out of the table and let every CPU forget all windows: one flush for a whole round.
 * 3. Nothing free in a round: wait for a kunmap(). That is the caller's part (EAGAIN); it asks again, from 1.
 *
 * kunmap() only counts down: the entry stays until step 2, so a page that is mapped again soon is still there.
 * page_address() of a page of high memory looks here, by a hash of 128 chains.
 *
 * Invariant: pkmap_check(): a window has a count exactly when its entry maps its page, and is in the page's chain.
 *
 * Left out: colours for caches that are indexed by virtual addresses (Xtensa, MIPS): everything has one colour.
 * The chains are by page number, the kernel's by the address of the struct page; nobody can tell.
 * Follows mm/highmem.c of 6.1.
 */
#include "mm/kernel/highmem.h"

#include "base/text.h"
#include "mm/kernel/layout.h"
#include "mm/machine.h"
#include "mm/page/address.h"
#include "mm/process/tlb_flush.h"

#include <assert.h>
#include <errno.h>

enum { PA_HASH_ORDER = 7, PKMAP_MOST = 1024 };

typedef unsigned long long ull;

/* In the heap. Pages and windows plus 1, 0: none. */
struct pkmap {
	uint32_t head[1 << PA_HASH_ORDER]; /* the first window of each chain */
	struct pkmap_slot {
		uint32_t page; /* pfn + 1 */
		uint32_t count;
		uint32_t next; /* window of the chain */
	} slot[PKMAP_MOST];
};

unsigned pkmap_windows(const struct machine *m)
{
	struct kernel_range r = kernel_area(m, AREA_PKMAP);

	return (unsigned)((r.end - r.start) >> PAGE_SHIFT);
}

static struct pkmap *pkmap_of(const struct machine *m)
{
	return m->highmem.pkmap_at ? machine_at(m, m->highmem.pkmap_at) : NULL;
}

static uint64_t address_of(const struct machine *m, unsigned nr)
{
	return kernel_area(m, AREA_PKMAP).start + ((uint64_t)nr << PAGE_SHIFT);
}

static unsigned number_of(const struct machine *m, uint64_t address)
{
	return (unsigned)((address - kernel_area(m, AREA_PKMAP).start) >> PAGE_SHIFT);
}

/* ---- page_address() ---- */

static uint32_t *chain_of(struct pkmap *p, uint64_t pfn)
{
	return &p->head[(uint32_t)pfn * 0x61c88647u >> (32 - PA_HASH_ORDER)];
}

static void chain_add(struct pkmap *p, unsigned nr)
{
	uint32_t *at = chain_of(p, p->slot[nr].page - 1u);

	while (*at)
		at = &p->slot[*at - 1].next;
	*at = nr + 1;
	p->slot[nr].next = 0;
}

static void chain_remove(struct pkmap *p, unsigned nr)
{
	uint32_t *at = chain_of(p, p->slot[nr].page - 1u);

	while (*at != nr + 1)
		at = &p->slot[*at - 1].next;
	*at = p->slot[nr].next;
	p->slot[nr].next = 0;
}

/* 0: the page is in no window. */
static uint64_t window_of(const struct machine *m, uint64_t pfn)
{
	struct pkmap *p = pkmap_of(m);

	if (!p)
		return 0;
	for (uint32_t n = *chain_of(p, pfn); n; n = p->slot[n - 1].next)
		if (p->slot[n - 1].page == pfn + 1)
			return address_of(m, n - 1);
	return 0;
}

uint64_t highmem_page_address(const struct machine *m, uint64_t pfn)
{
	uint64_t address = page_address(m, pfn);

	return address ? address : window_of(m, pfn);
}

void pkmap_window(struct machine *m, unsigned nr, struct highmem_window *w)
{
	const struct pkmap *p = pkmap_of(m);

	assert(nr < pkmap_windows(m));
	*w = (struct highmem_window){.kind = HIGHMEM_PKMAP,
		.address = address_of(m, nr),
		.slot = nr,
		.pfn = NO_PFN,
		.count = p ? p->slot[nr].count : 0};
	if (w->count)
		w->pfn = p->slot[nr].page - 1u;
}

/* ---- kmap() ---- */

/* Give back what has no user, all at once. */
static unsigned flush_all_zero_pkmaps(struct machine *m, unsigned cpu)
{
	struct kernel_range r = kernel_area(m, AREA_PKMAP);
	struct pkmap *p = pkmap_of(m);
	unsigned n = 0;

	for (unsigned nr = 0; p && nr < pkmap_windows(m); nr++) {
		if (p->slot[nr].count != 1)
			continue;
		highmem_unmap(m, address_of(m, nr));
		chain_remove(p, nr);
		p->slot[nr] = (struct pkmap_slot){0};
		n++;
	}
	if (n) {
		flush_tlb_kernel_range(m, cpu, r.start, r.end);
		m->highmem.flushes++;
	}
	return n;
}

unsigned kmap_flush_unused(struct machine *m, unsigned cpu)
{
	return flush_all_zero_pkmaps(m, cpu);
}

/* A free window; false: every one has a user. */
static bool find_window(struct machine *m, unsigned cpu, unsigned *nr)
{
	struct pkmap *p = pkmap_of(m);
	unsigned windows = pkmap_windows(m), left = windows;

	do {
		*nr = m->highmem.last_pkmap_nr = (m->highmem.last_pkmap_nr + 1) & (windows - 1);
		if (!*nr) {
			flush_all_zero_pkmaps(m, cpu);
			left = windows;
		}
		if (!p->slot[*nr].count)
			return true;
	} while (--left);
	return false;
}

static int refuse_full(struct machine *m, unsigned cpu)
{
	unsigned windows = pkmap_windows(m);

	if (!kmap_atomic_depth(m, cpu))
		return refuse(
			&m->why, EAGAIN, "a kunmap: all %u windows of kmap are in use", windows);
	log_printf(m, "BUG: scheduling while atomic: kmap on CPU %u", cpu);
	return refuse(&m->why, EDEADLK,
		"all %u windows are in use, and CPU %u may not wait for one, since it is inside "
		"kmap_atomic: kunmap_atomic first",
		windows, cpu);
}

static int map_new_virtual(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t *address)
{
	struct pkmap *p = pkmap_of(m);
	unsigned nr;

	if (!find_window(m, cpu, &nr))
		return refuse_full(m, cpu);
	*address = address_of(m, nr);
	int err = highmem_map(m, *address, pfn);

	assert(!err && "need_pkmap() saw to the table");
	(void)err;
	p->slot[nr] = (struct pkmap_slot){.page = (uint32_t)pfn + 1, .count = 1};
	chain_add(p, nr);
	return 0;
}

/* What can fail: the first use needs memory of the host, for the counts and for the table, which is one page. */
static int need_pkmap(struct machine *m, uint64_t pfn)
{
	int err = highmem_need_tables(m);

	if (err || m->highmem.pkmap_at)
		return err;
	err = highmem_map(m, address_of(m, 0), pfn);
	if (err)
		return err;
	highmem_unmap(m, address_of(m, 0));
	m->highmem.pkmap_at = heap_alloc(m, sizeof(struct pkmap));
	return m->highmem.pkmap_at ? 0 : -m->why.err;
}

int kmap(struct machine *m, unsigned cpu, uint64_t pfn, uint64_t *address)
{
	int err;

	if (kmap_atomic_depth(m, cpu))
		log_printf(m,
			"BUG: sleeping function called from invalid context at "
			"include/linux/highmem-internal.h (kmap on CPU %u, inside kmap_atomic)",
			cpu);
	*address = page_address(m, pfn);
	if (!page_is_high(m, pfn))
		return 0;
	err = need_pkmap(m, pfn);
	if (err)
		return err;
	*address = window_of(m, pfn);
	if (!*address)
		err = map_new_virtual(m, cpu, pfn, address);
	/* Who waits asks often, and that takes no time. */
	if (err)
		return err;
	pkmap_of(m)->slot[number_of(m, *address)].count++;
	clock_charge(m, KMAP);
	return 0;
}

uint64_t kmap_high_get(struct machine *m, uint64_t pfn)
{
	uint64_t address = window_of(m, pfn);

	if (address)
		pkmap_of(m)->slot[number_of(m, address)].count++;
	return address;
}

int kunmap(struct machine *m, uint64_t pfn)
{
	uint64_t address = page_is_high(m, pfn) ? window_of(m, pfn) : 0;
	struct pkmap_slot *slot;

	if (!page_is_high(m, pfn))
		return 0;
	slot = address ? &pkmap_of(m)->slot[number_of(m, address)] : NULL;
	if (!slot || slot->count < 2) {
		log_printf(m, "kernel BUG at mm/highmem.c: kunmap_high() of pfn 0x%llx, %s",
			(ull)pfn, slot ? "whose window has no user" : "which has no window");
		return refuse(&m->why, EINVAL,
			"page 0x%llx %s: a kunmap ends one kmap, and the kernel would die here "
			"(BUG)",
			(ull)pfn,
			slot ? "was unmapped as often as it was mapped" : "is not mapped by kmap");
	}
	slot->count--;
	clock_charge(m, KMAP);
	return 0;
}

/* ---- checking ---- */

static unsigned check_window(struct machine *m, unsigned nr, struct text *out)
{
	const struct pkmap_slot *slot = &pkmap_of(m)->slot[nr];
	uint64_t mapped = highmem_mapped_pfn(m, address_of(m, nr));
	uint64_t pfn = slot->page ? slot->page - 1u : NO_PFN;

	if (slot->count ? mapped != pfn || !page_is_high(m, pfn) ||
				  window_of(m, pfn) != address_of(m, nr)
			: slot->page || slot->next || mapped != NO_PFN) {
		text_printf(out,
			"pkmap window %u has count %u for page 0x%llx, and its entry maps 0x%llx\n",
			nr, slot->count, (ull)pfn, (ull)mapped);
		return 1;
	}
	return 0;
}

unsigned pkmap_check(struct machine *m, struct text *out)
{
	const struct pkmap *p = pkmap_of(m);
	unsigned bad = 0, used = 0, chained = 0;

	if (!p)
		return 0;
	for (unsigned nr = 0; nr < pkmap_windows(m); nr++) {
		bad += check_window(m, nr, out);
		used += p->slot[nr].count != 0;
	}
	for (unsigned i = 0; i < 1 << PA_HASH_ORDER; i++)
		for (uint32_t n = p->head[i]; n && chained <= used; n = p->slot[n - 1].next)
			chained++;
	if (chained != used) {
		text_printf(out, "%u windows are in use, and the chains of pages have %u\n", used,
			chained);
		bad++;
	}
	return bad;
}
