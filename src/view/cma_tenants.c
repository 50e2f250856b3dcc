/* SPDX-License-Identifier: MIT
 *
 * sim/cma/NAME/tenants and blockers: who lives in a contiguous memory area, and who would not leave.
 *
 *	area reserved: pfn 0xbc000-0xbffff, 16384 pages: 0 given out, 12 free, 16372 tenants, of whom 1 cannot leave
 *	pfn          type    leaves  owner                             why
 *	0xbc000      anon    yes     100 (hog) at 0x76d01000           a page of a process, mapped 1 times
 *	0xbc001      file    yes     /lib/libc.so, page 12             a page of a file, mapped 3 times
 *	0xbc002      kernel  no      p.4                               pinned: ...
 *
 * Linux tells nothing of this: that a cma_alloc failed is in its log, because of whom is not. A page has a row; of a large
 * area the first few hundred have, and the others are counted by type. What is asked is what migration will ask
 * (page_movable_reason()), and asking changes nothing.
 */
#include "view/files.h"
#include "view/page_users.h"
#include "view/put.h"

#include "mm/move/cma.h"
#include "mm/move/holder.h"
#include "mm/move/migrate.h"
#include "mm/page/frame.h"
#include "mm/process/file.h"
#include "mm/process/rmap.h"

#include <stdio.h>

typedef unsigned long long ull;

#define MOST_ROWS 400u

enum tenant_type { TENANT_ANON, TENANT_FILE, TENANT_SHMEM, TENANT_KERNEL, NR_TENANT_TYPES };
static const char *const type_names[NR_TENANT_TYPES] = {"anon", "file", "shmem", "kernel"};

struct census {
	uint64_t given_out, tenants, stay;
	uint64_t unlisted[NR_TENANT_TYPES][2]; /* those without a row, by whether they can leave */
	unsigned rows;
};

static enum tenant_type type_of(const struct frame *f)
{
	if (!(f->flags & FRAME_LRU))
		return TENANT_KERNEL;
	if (f->flags & FRAME_ANON)
		return TENANT_ANON;
	return f->flags & FRAME_SWAPBACKED ? TENANT_SHMEM : TENANT_FILE;
}

/* The first of those who map it. */
static bool put_first(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	struct text *out = data;

	put_mm_name(m, machine_at(m, v->mm_at), out);
	text_printf(out, " at 0x%llx", (ull)addr);
	return false;
}

static void put_owner(struct machine *m, uint64_t pfn, const struct frame *f, struct text *out)
{
	const struct inode *i =
		f->mapping && !(f->flags & FRAME_ANON) ? mapping_object(m, f->mapping) : NULL;

	if (i) {
		inode_put_path(m, i, out);
		text_printf(out, ", page %llu", (ull)f->index);
	} else if (f->flags & FRAME_ANON && f->mapcount) {
		rmap_walk(m, pfn, put_first, out);
		if (f->mapcount > 1)
			text_printf(out, " and %u more", f->mapcount - 1);
	} else if (!holder_print(m, pfn, out)) {
		text_putc(out, '-');
	}
}

static void put_row(struct machine *m, uint64_t pfn, const struct frame *f, struct text *out)
{
	struct text owner, why;
	char number[24];

	text_init(&owner);
	text_init(&why);
	bool leaves = page_movable_reason(m, pfn, &why) == PAGE_MOVABLE;
	put_owner(m, pfn, f, &owner);
	snprintf(number, sizeof(number), "0x%llx", (ull)pfn);
	put_left(out, number, 13);
	put_left(out, type_names[type_of(f)], 8);
	put_left(out, leaves ? "yes" : "no", 8);
	put_left(out, text_str(&owner), 38);
	text_putc(out, ' ');
	text_puts(out, text_str(&why));
	text_putc(out, '\n');
	text_finish(&owner);
	text_finish(&why);
}

/* Count all pages, and give those that are wanted their rows. */
static void take_census(struct machine *m, const struct cma_area *c, bool blockers,
	struct census *s, struct text *rows)
{
	uint64_t end_pfn = c->base_pfn + c->nr_pages;

	for (uint64_t pfn = c->base_pfn, next_pfn; pfn < end_pfn; pfn = next_pfn) {
		uint64_t head_pfn = frame_is_live(m, pfn) ? frame_block_head(m, pfn) : NO_PFN;

		/* Never used: nothing is in this block of the largest order. */
		if (head_pfn == NO_PFN) {
			next_pfn = (pfn | (((uint64_t)1 << (m->nr_orders - 1)) - 1)) + 1;
			continue;
		}
		const struct frame *f = frame_of(m, head_pfn);
		uint64_t pages = (uint64_t)1 << f->order;

		next_pfn = head_pfn + pages;
		if (!f->refcount)
			continue;
		if (f->flags & FRAME_CMA_INUSE) {
			s->given_out += pages;
			continue;
		}
		bool leaves = page_movable_reason(m, head_pfn, NULL) == PAGE_MOVABLE;
		s->tenants += pages;
		s->stay += leaves ? 0 : pages;
		if (blockers && leaves)
			continue;
		if (s->rows < MOST_ROWS) {
			s->rows++;
			put_row(m, head_pfn, f, rows);
		} else {
			s->unlisted[type_of(f)][leaves] += pages;
		}
	}
}

static void put_unlisted(const struct census *s, struct text *out)
{
	for (unsigned type = 0; type < NR_TENANT_TYPES; type++)
		for (unsigned leaves = 0; leaves < 2; leaves++)
			if (s->unlisted[type][leaves])
				text_printf(out, "and %llu more %s that %s leave\n",
					(ull)s->unlisted[type][leaves], type_names[type],
					leaves ? "can" : "cannot");
}

static int show(struct view *v, bool blockers, struct text *out)
{
	const struct cma_area *c = &v->m->cma[v->arg[0]];
	struct census s = {0};
	struct text rows;

	text_init(&rows);
	take_census(v->m, c, blockers, &s, &rows);
	text_printf(out,
		"area %s: pfn 0x%llx-0x%llx, %llu pages: %llu given out, %llu free, %llu tenants, "
		"of whom %llu cannot leave\n",
		c->name, (ull)c->base_pfn, (ull)(c->base_pfn + c->nr_pages - 1), (ull)c->nr_pages,
		(ull)s.given_out, (ull)(c->nr_pages - s.given_out - s.tenants), (ull)s.tenants,
		(ull)s.stay);
	if (s.rows)
		text_printf(out, "%-13s%-8s%-8s%-38s why\n", "pfn", "type", "leaves", "owner");
	text_put(out, rows.data, rows.len);
	put_unlisted(&s, out);
	text_finish(&rows);
	return 0;
}

int show_cma_tenants(struct view *v, struct text *out)
{
	return show(v, false, out);
}

int show_cma_blockers(struct view *v, struct text *out)
{
	return show(v, true, out);
}
