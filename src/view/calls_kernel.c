/* SPDX-License-Identifier: MIT
 *
 * Calls to the page allocator: from the words of a ctl line to mm/page, and the result to words.
 *
 *	buf = alloc_pages GFP_KERNEL 3     ──> alloc_pages_node()   ──> 0x1f408 zone=Normal node=0 order=3 migratetype=Unmovable
 *	__free_pages buf                   ──> free_pages_order()
 *
 * A function that gives a struct page makes a VAR_PAGE (its value is the pfn), one that gives an address a VAR_ADDRESS.
 * A name remembers the order or size of its allocation, so the freeing calls need not repeat it; a number written
 * is honoured even if wrong, since what a wrong order does is worth seeing.
 *
 * Follows Documentation/core-api/mm-api.rst of 6.1 for names and arguments.
 */
#include "view/call.h"

#include "mm/move/holder.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void put_place(struct call *c, uint64_t pfn, unsigned order)
{
	const struct zone *z = pfn_zone(c->m, pfn);

	text_puts(c->result, " zone=");
	text_puts(c->result, zone_name(z->type));
	text_puts(c->result, " node=");
	text_dec(c->result, z->nid, 0);
	text_puts(c->result, " order=");
	text_dec(c->result, order, 0);
	text_puts(c->result, " migratetype=");
	text_puts(c->result, migratetype_name(pageblock_type(c->m, pfn)));
}

static void put_hex(struct call *c, uint64_t value)
{
	text_puts(c->result, "0x");
	text_hex(c->result, value, 0);
}

/* Allocate, or a slice of the compaction that it takes (c->again). */
static int allocate(struct call *c, int nid, gfp_t gfp, unsigned order, uint64_t *pfn)
{
	int ret;

	if (c->run->fresh) {
		ret = alloc_pages_begin(c->m, c->cpu, nid, 0, gfp, order, pfn);
	} else {
		if (c->run->interrupted)
			alloc_pages_interrupt(c->m);
		ret = alloc_pages_more(c->m, session_slice(c->v->s, ALLOC_CLUSTERS_PER_SLICE), pfn);
	}
	c->again = ret > 0;
	return ret;
}

/* Allocate, and give the struct page. */
static int give_page(struct call *c, int nid, uint64_t gfp, unsigned order)
{
	uint64_t pfn;
	int ret = allocate(c, nid, (gfp_t)gfp, order, &pfn);

	if (ret)
		return c->again ? 0 : ret;
	put_hex(c, pfn);
	put_place(c, pfn, order);
	c->made = (struct var){.kind = VAR_PAGE, .value = pfn, .order = order};
	c->made_page = true;
	return 0;
}

/* Allocate, and give the kernel address. */
static int give_address(struct call *c, uint64_t gfp, unsigned order)
{
	uint64_t pfn;
	int ret = allocate(c, -1, (gfp_t)gfp & ~(gfp_t)__GFP_HIGHMEM, order, &pfn);

	if (ret)
		return c->again ? 0 : ret;
	uint64_t address = page_address(c->m, pfn);
	put_hex(c, address);
	text_puts(c->result, " pfn=");
	put_hex(c, pfn);
	put_place(c, pfn, order);
	c->made = (struct var){.kind = VAR_ADDRESS, .value = address, .order = order};
	return 0;
}

int call_alloc_pages(struct call *c)
{
	return give_page(c, -1, c->arg[0].number, (unsigned)c->arg[1].number);
}

int call_alloc_pages_node(struct call *c)
{
	return give_page(
		c, (int)(int64_t)c->arg[0].number, c->arg[1].number, (unsigned)c->arg[2].number);
}

int call_alloc_page(struct call *c)
{
	return give_page(c, -1, c->arg[0].number, 0);
}

int call_get_free_pages(struct call *c)
{
	return give_address(c, c->arg[0].number, (unsigned)c->arg[1].number);
}

int call_get_free_page(struct call *c)
{
	return give_address(c, c->arg[0].number, 0);
}

int call_get_zeroed_page(struct call *c)
{
	return give_address(c, c->arg[0].number | __GFP_ZERO, 0);
}

/* The order as written, else that of the name, when it names the allocation itself. */
static unsigned order_of(const struct call *c)
{
	const struct call_value *what = &c->arg[0];

	if (c->nr_args > 1 && c->arg[1].given)
		return (unsigned)c->arg[1].number;
	return what->named && what->number == what->var.value ? what->var.order : 0;
}

int call_free_pages(struct call *c)
{
	return free_pages_order(c->m, c->cpu, c->arg[0].number, order_of(c));
}

int call_free_page(struct call *c)
{
	return free_pages_order(c->m, c->cpu, c->arg[0].number, 0);
}

/* The page at the address that is the first argument. */
static int page_at_address(struct call *c, uint64_t *pfn)
{
	const struct call_value *a = &c->arg[0];

	*pfn = virt_to_pfn(c->m, a->number);
	if (*pfn == NO_PFN)
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"0x%llx is no address of the kernel's permanent mapping of RAM, which "
			"begins at 0x%llx",
			(unsigned long long)a->number, (unsigned long long)page_offset(c->m));
	if (a->number % PAGE_BYTES)
		return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
			"0x%llx is inside a page: give the address that the allocation gave",
			(unsigned long long)a->number);
	return 0;
}

int call_free_pages_address(struct call *c)
{
	uint64_t pfn;
	int err = page_at_address(c, &pfn);

	return err ? err : free_pages_order(c->m, c->cpu, pfn, order_of(c));
}

int call_free_page_address(struct call *c)
{
	uint64_t pfn;
	int err = page_at_address(c, &pfn);

	return err ? err : free_pages_order(c->m, c->cpu, pfn, 0);
}

int call_alloc_pages_exact(struct call *c)
{
	uint64_t bytes = c->arg[0].number, pfn;
	uint64_t largest = PAGE_BYTES << (c->m->nr_orders - 1);

	if (bytes > largest)
		return refuse_at(&c->m->why, EINVAL, c->arg[0].column, (uint32_t)c->arg[0].len,
			"the largest block of this machine has %llu KiB",
			(unsigned long long)(largest >> 10));
	int err = alloc_pages_exact(c->m, c->cpu, (gfp_t)c->arg[1].number, bytes, &pfn);
	if (err)
		return err;
	uint64_t address = page_address(c->m, pfn);
	put_hex(c, address);
	text_puts(c->result, " pfn=");
	put_hex(c, pfn);
	text_puts(c->result, " pages=");
	text_dec(c->result, pfn_up(bytes), 0);
	c->made = (struct var){.kind = VAR_ADDRESS, .value = address, .bytes = bytes};
	return 0;
}

int call_free_pages_exact(struct call *c)
{
	const struct call_value *a = &c->arg[0];
	uint64_t bytes = c->arg[1].number, pfn;
	int err = page_at_address(c, &pfn);

	if (err)
		return err;
	if (!c->arg[1].given)
		bytes = a->named && a->number == a->var.value ? a->var.bytes : 0;
	if (!bytes)
		return refuse(&c->m->why, EINVAL,
			"free_pages_exact needs the size: only a name of alloc_pages_exact knows "
			"it");
	return free_pages_exact(c->m, c->cpu, pfn, bytes);
}

#define BULK_MAX 65536u

/* Name the @n pages after the holes of the array @base, from its beginning; returns the first element that stays empty. */
static uint64_t fill_array(
	struct call *c, const char *base, size_t len, const uint64_t *pfns, uint64_t n, int *err)
{
	uint32_t index = 0;

	for (uint64_t i = 0; i < n; i++) {
		struct var v = {.kind = VAR_PAGE, .value = pfns[i]};

		index = var_next_free_index(c->m, c->vars, base, len, index);
		*err = var_set(c->m, c->vars, base, len, index, &v);
		if (*err) {
			/* No room for the name: the pages without one go back. */
			struct refusal keep = c->m->why;

			for (; i < n; i++)
				(void)free_pages_order(c->m, c->cpu, pfns[i], 0);
			c->m->why = keep;
			break;
		}
		if (c->vars == &c->m->vars)
			holder_set_name(c->m, pfns[i], base, len, index);
	}
	return var_next_free_index(c->m, c->vars, base, len, 0);
}

int call_alloc_pages_bulk_array(struct call *c)
{
	const struct call_value *name = &c->arg[2];
	uint64_t want = c->arg[1].number, missing = 0;

	if (!var_name_ok(name->word, name->len))
		return refuse_at(&c->m->why, EINVAL, name->column, (uint32_t)name->len,
			"an array's name has letters, digits and _, and does not begin with a "
			"digit");
	if (want > BULK_MAX)
		return refuse_at(&c->m->why, EINVAL, c->arg[1].column, (uint32_t)c->arg[1].len,
			"at most %u pages in one call", BULK_MAX);
	for (uint32_t i = 0; i < want; i++)
		missing += !var_get(c->m, c->vars, name->word, name->len, i);
	int err = 0;
	if (missing) {
		uint64_t *pfns = malloc(missing * sizeof(*pfns));

		if (!pfns)
			return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
		uint64_t got =
			alloc_pages_bulk(c->m, c->cpu, -1, (gfp_t)c->arg[0].number, missing, pfns);
		err = got ? 0 : -c->m->why.err;
		uint64_t filled = fill_array(c, name->word, name->len, pfns, got, &err);
		free(pfns);
		if (err)
			return err;
		want = filled < want ? filled : want;
	}
	text_dec(c->result, want, 0);
	return 0;
}

int call_get_page(struct call *c)
{
	uint64_t pfn = c->arg[0].number;
	int err = get_page(c->m, pfn);

	if (err)
		return err;
	/* A compound page's references are counted in its head. */
	struct frame f = frame_peek(c->m, pfn);
	if (f.flags & FRAME_TAIL)
		f = frame_peek(c->m, f.mapping - 1);
	text_puts(c->result, "refcount=");
	text_dec(c->result, f.refcount, 0);
	return 0;
}

int call_put_page(struct call *c)
{
	return put_page(c->m, c->cpu, c->arg[0].number);
}

int call_split_page(struct call *c)
{
	return split_page(c->m, c->arg[0].number);
}

int call_drain_all_pages(struct call *c)
{
	drain_all_pages(c->m, NULL);
	return 0;
}

int call_drain_local_pages(struct call *c)
{
	drain_local_pages(c->m, c->cpu, NULL);
	return 0;
}
