/* SPDX-License-Identifier: MIT
 *
 * Who has each page (see page_owner.h).
 *
 *	alloc_pages()   ──> set_page_owner():   every page of the block gets order, flags, time, task, call stack
 *	__free_pages()  ──> reset_page_owner(): not allocated any more; time and stack of the free
 *	sys/kernel/debug/page_owner  walks all pages and prints the first one of each allocation
 *
 * A page_ext of that size is taken for each page of the simulated machine, too, as long as page_owner=on: on SPARSEMEM
 * section by section from the page allocator, on FLATMEM in one piece from memblock (boot_tables.c).
 *
 * Invariant: a block in use has a record that says so, a free page has none that does.
 * Left out: the early pages (allocated before the records were there: Linux gives those a stack of their own); memcg's
 * line. Follows mm/page_owner.c and mm/page_ext.c of 6.1.
 */
#include "mm/debug/page_owner.h"

#include "base/text.h"
#include "mm/page/extent.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/task.h"

typedef unsigned long long ull;

unsigned page_ext_bytes(const struct machine *m)
{
	/* struct page_ext, then struct page_owner; times are 64 bits, aligned as the architecture does. */
	if (machine_has(m, CONFIG_64BIT))
		return 8 + 56;
	return m->arch == ARCH_ARM ? 8 + 56 : 4 + 56;
}

static struct page_owner *record(const struct machine *m, uint64_t pfn)
{
	return (struct page_owner *)machine_at(m, m->page_owners.at) + (pfn - m->base_pfn);
}

void set_page_owner(struct machine *m, unsigned cpu, uint64_t pfn, unsigned order, uint32_t gfp)
{
	struct page_owner *first = record(m, pfn);

	if (!m->page_owners.inited)
		return;
	first->ts_ns = m->clock.now_ns;
	first->gfp = gfp;
	first->order = (uint8_t)order;
	first->allocated = true;
	first->migrate_reason = -1;
	first->handle = stack_depot_save(m);
	first->pid = task_current_name(m, cpu, first->comm, &first->tgid);
	for (uint64_t i = 1; i < (uint64_t)1 << order; i++) {
		struct page_owner old = first[i];

		first[i] = *first;
		first[i].free_ts_ns = old.free_ts_ns;
		first[i].free_handle = old.free_handle;
	}
}

void reset_page_owner(struct machine *m, uint64_t pfn, unsigned order)
{
	struct page_owner *first = record(m, pfn);

	if (!m->page_owners.inited)
		return;
	depot_stack_handle_t handle = stack_depot_save(m);
	for (uint64_t i = 0; i < (uint64_t)1 << order; i++) {
		first[i].allocated = false;
		first[i].free_ts_ns = m->clock.now_ns;
		first[i].free_handle = handle;
	}
}

void split_page_owner(struct machine *m, uint64_t pfn, unsigned order)
{
	struct page_owner *first = record(m, pfn);

	for (uint64_t i = 0; m->page_owners.inited && i < (uint64_t)1 << order; i++)
		first[i].order = 0;
}

void copy_page_owner(struct machine *m, uint64_t from_pfn, uint64_t to_pfn)
{
	struct page_owner *to = record(m, to_pfn);

	if (!m->page_owners.inited)
		return;
	const struct page_owner *from = record(m, from_pfn);
	struct page_owner old = *to;

	/* Order and time of the last free stay the new page's; the old one will be freed. */
	*to = *from;
	to->order = old.order;
	to->free_ts_ns = from->free_ts_ns;
	to->allocated = true;
}

void set_page_owner_migrate_reason(struct machine *m, uint64_t pfn, int reason)
{
	if (m->page_owners.inited)
		record(m, pfn)->migrate_reason = (int8_t)reason;
}

const struct page_owner *page_owner_of(const struct machine *m, uint64_t pfn)
{
	return m->page_owners.inited && pfn_valid(m, pfn) && frame_is_live(m, pfn) ? record(m, pfn)
										   : NULL;
}

bool page_owner_next(const struct machine *m, uint64_t *pfn)
{
	uint64_t block_pages = (uint64_t)1 << (m->nr_orders - 1);

	for (uint64_t at = *pfn < m->base_pfn ? m->base_pfn : *pfn; at < m->frames_end_pfn;) {
		if (!frame_is_live(m, at)) {
			at = (at / block_pages + 1) * block_pages;
			continue;
		}
		const struct frame *f = frame_of(m, at);
		const struct page_owner *o = record(m, at);

		if (o->allocated && f->refcount && !(f->flags & FRAME_RESERVED)) {
			*pfn = at;
			return true;
		}
		at += frame_is_head(f) ? (uint64_t)1 << f->order : 1;
	}
	return false;
}

/* Every block in use since it was switched on is told of; no free one is. */
unsigned page_owner_check(struct machine *m, struct text *out)
{
	unsigned bad = 0;

	if (!m->page_owners.inited)
		return 0;
	for (uint64_t pfn = m->base_pfn; pfn < m->frames_end_pfn; pfn++) {
		if (!frame_is_live(m, pfn)) {
			pfn |= ((uint64_t)1 << (m->nr_orders - 1)) - 1;
			continue;
		}
		const struct frame *f = frame_of(m, pfn);
		const struct page_owner *o = record(m, pfn);
		bool in_use = f->refcount && !(f->flags & FRAME_RESERVED);

		if ((frame_is_head(f) && o->allocated != in_use) ||
			(in_use && o->order != f->order)) {
			text_printf(out,
				"page_owner of pfn 0x%llx: %s, order %u; the page is %s, order "
				"%u\n",
				(ull)pfn, o->allocated ? "allocated" : "free", o->order,
				in_use ? "in use" : "not", (unsigned)f->order);
			bad++;
		}
	}
	return bad;
}
