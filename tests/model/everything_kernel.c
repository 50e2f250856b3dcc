/* SPDX-License-Identifier: MIT
 *
 * The model of everything: memory of the kernel.
 *
 *	object   kmalloc(): bytes of its size
 *	area     vmalloc(): pages that lie anywhere
 *	held     a single movable page with a name, which follows it when it moves; looked at through kmap() at times, and then it
 *	         must stay
 *	block    alloc_pages() of all orders, unmovable: the first pages' bytes; mapped with vmap() at times
 *
 * Blocks of high orders are what makes the allocator compact.
 */
#include "model/everything.h"

#include "mm/kernel/cpus.h"
#include "mm/kernel/highmem.h"
#include "mm/move/holder.h"
#include "mm/page/address.h"
#include "mm/page/page_alloc.h"
#include "mm/slab/slab.h"
#include "mm/vmalloc/vmalloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* ---- slab objects ---- */

static uint64_t object_phys(const struct everything *x, const struct piece *o)
{
	return (virt_to_pfn(x->m, o->at) << PAGE_SHIFT) + o->at % PAGE;
}

static void act_kmalloc(struct everything *x)
{
	struct piece *o = &x->object[dice(x, OBJECTS)];
	uint32_t size = 1 + (dice(x, 8) ? dice(x, 600) : dice(x, LARGEST));

	if (o->used)
		return;
	arm(x);
	int err = kmalloc(x->m, any_cpu(x), size, dice(x, 4) ? GFP_KERNEL : GFP_ATOMIC, -1, &o->at);

	if (starved(x, err, false))
		return;
	expect(x, !err);
	o->used = true;
	o->size = size;
	scribble(x, o->bytes, size);
	put_phys(x, object_phys(x, o), o->bytes, size);
}

static void act_kfree(struct everything *x)
{
	struct piece *o = &x->object[dice(x, OBJECTS)];

	if (!o->used || o->busy)
		return;
	same_phys(x, object_phys(x, o), o->bytes, o->size);
	expect(x, !kfree(x->m, any_cpu(x), o->at));
	memset(o, 0, sizeof(*o));
}

static void act_krealloc(struct everything *x)
{
	struct piece *o = &x->object[dice(x, OBJECTS)];
	uint32_t size = 1 + dice(x, 2 * PAGE);

	if (!o->used || o->busy)
		return;
	arm(x);
	int err = krealloc(x->m, any_cpu(x), o->at, size, GFP_KERNEL, &o->at);

	if (starved(x, err, false))
		return;
	expect(x, !err);
	if (size > o->size) {
		scribble(x, o->bytes + o->size, size - o->size);
		put_phys(x, object_phys(x, o) + o->size, o->bytes + o->size, size - o->size);
	}
	o->size = size;
}

static void act_object_access(struct everything *x)
{
	struct piece *o = &x->object[dice(x, OBJECTS)];

	if (!o->used || o->busy || o->size < 8)
		return;
	uint32_t at = dice(x, o->size / 4) * 4;

	kernel_access(x, o->at + at, o->bytes + at);
}

/* ---- vmalloc ---- */

static void each_page_of_area(struct everything *x, struct piece *a, bool put)
{
	for (uint32_t at = 0; at < a->size; at += PAGE) {
		uint64_t pfn = vmalloc_to_pfn(x->m, a->at + at);

		expect(x, pfn != NO_PFN);
		if (pfn == NO_PFN)
			return;
		if (put)
			put_phys(x, pfn << PAGE_SHIFT, a->bytes + at, PAGE);
		else
			same_phys(x, pfn << PAGE_SHIFT, a->bytes + at, PAGE);
	}
}

static void act_vmalloc(struct everything *x)
{
	struct piece *a = &x->area[dice(x, AREAS)];
	uint32_t size = (1 + dice(x, LARGEST / PAGE)) * PAGE;

	if (a->used)
		return;
	arm(x);
	int err = vmalloc(x->m, any_cpu(x), size, dice(x, 2) ? __GFP_HIGHMEM : 0, &a->at);

	if (starved(x, err, false))
		return;
	expect(x, !err);
	a->used = true;
	a->size = size;
	scribble(x, a->bytes, size);
	each_page_of_area(x, a, true);
}

static void act_vfree(struct everything *x)
{
	struct piece *a = &x->area[dice(x, AREAS)];

	if (!a->used)
		return;
	each_page_of_area(x, a, false);
	expect(x, !vfree(x->m, any_cpu(x), a->at));
	memset(a, 0, sizeof(*a));
}

static void act_area_access(struct everything *x)
{
	struct piece *a = &x->area[dice(x, AREAS)];
	uint32_t at = dice(x, LARGEST / 4) * 4;

	if (a->used && at < a->size)
		kernel_access(x, a->at + at, a->bytes + at);
}

/* ---- movable pages with a name ---- */

static const struct var *name_of(const struct everything *x, unsigned i)
{
	const struct var *v = var_get(x->m, &x->m->vars, "held", 4, i);

	cr_assert(v);
	return v;
}

uint64_t held_pfn(const struct everything *x, unsigned i)
{
	return name_of(x, i)->value;
}

static void act_hold(struct everything *x)
{
	unsigned i = dice(x, HELD);
	struct piece *h = &x->held[i];
	struct var v = {.kind = VAR_PAGE};

	if (h->used)
		return;
	arm(x);
	int err = alloc_pages_node(x->m, any_cpu(x), -1, GFP_HIGHUSER_MOVABLE, 0, &v.value);

	if (starved(x, err, false))
		return;
	expect(x, !err && !var_set(x->m, &x->m->vars, "held", 4, i, &v));
	holder_set_name(x->m, v.value, "held", 4, i);
	h->used = true;
	h->size = PAGE;
	scribble(x, h->bytes, PAGE);
	put_phys(x, v.value << PAGE_SHIFT, h->bytes, PAGE);
}

static void let_go(struct everything *x, unsigned i)
{
	uint64_t pfn = held_pfn(x, i);

	same_phys(x, pfn << PAGE_SHIFT, x->held[i].bytes, PAGE);
	expect(x, !free_pages_order(x->m, any_cpu(x), pfn, 0));
	expect(x, !var_forget(x->m, &x->m->vars, "held", 4, i));
	memset(&x->held[i], 0, sizeof(x->held[i]));
}

static void act_let_go(struct everything *x)
{
	unsigned i = dice(x, HELD);

	if (x->held[i].used && !x->held[i].busy && !x->held[i].window)
		let_go(x, i);
}

static void end_window(struct everything *x, unsigned i)
{
	struct piece *h = &x->held[i];

	expect(x, h->cpu ? !kunmap_local(x->m, h->cpu - 1u, h->window, false)
			 : !kunmap(x->m, held_pfn(x, i)));
	h->window = 0;
	h->cpu = 0;
}

/* A CPU's slots go last in, first out: one at a time keeps that simple. */
static bool has_local(const struct everything *x, unsigned cpu)
{
	for (unsigned i = 0; i < HELD; i++)
		if (x->held[i].window && x->held[i].cpu == cpu + 1)
			return true;
	return false;
}

/* Only high memory has windows: an address of a page of low memory keeps nothing where it is. */
static void act_window(struct everything *x)
{
	unsigned i = dice(x, HELD), cpu = any_cpu(x);
	struct piece *h = &x->held[i];
	bool local = dice(x, 2);
	int err;

	if (!h->used || h->busy)
		return;
	if (h->window) {
		uint32_t at = dice(x, PAGE / 4) * 4;

		/* A CPU's own slot is for that CPU: others' TLBs are not told when it ends. */
		kernel_access_on(x, h->cpu ? h->cpu - 1u : cpu, h->window + at, h->bytes + at);
		if (!dice(x, 3))
			end_window(x, i);
		return;
	}
	if (!page_is_high(x->m, held_pfn(x, i)) || (local && has_local(x, cpu)))
		return;
	err = local ? kmap_local_page(x->m, cpu, held_pfn(x, i), false, &h->window)
		    : kmap(x->m, cpu, held_pfn(x, i), &h->window);
	expect(x, !err);
	h->cpu = local ? (uint8_t)(cpu + 1) : 0;
}

/* ---- blocks ---- */

static uint32_t block_bytes(unsigned order)
{
	return order < 2 ? PAGE << order : LARGEST;
}

/* A block of a high order may not be there: that is what compaction is tried for. */
static void act_alloc(struct everything *x)
{
	struct piece *b = &x->block[dice(x, BLOCKS)];
	unsigned order = dice(x, 3) ? dice(x, 4) : dice(x, x->m->nr_orders);
	uint64_t moved = x->m->vm_event[EV_pgmigrate_success];

	if (b->used)
		return;
	arm(x);
	int err = alloc_pages_node(x->m, any_cpu(x), -1,
		(dice(x, 2) ? GFP_KERNEL : GFP_HIGHUSER) | __GFP_NOWARN, order, &b->at);

	x->moved += x->m->vm_event[EV_pgmigrate_success] - moved;
	if (starved(x, err, order > 3))
		return;
	expect(x, !err);
	b->used = true;
	b->order = (uint8_t)order;
	b->size = block_bytes(order);
	scribble(x, b->bytes, b->size);
	put_phys(x, b->at << PAGE_SHIFT, b->bytes, b->size);
}

static void free_block(struct everything *x, struct piece *b)
{
	same_phys(x, b->at << PAGE_SHIFT, b->bytes, b->size);
	if (b->vmap)
		expect(x, !vunmap(x->m, any_cpu(x), b->vmap));
	expect(x, !free_pages_order(x->m, any_cpu(x), b->at, b->order));
	memset(b, 0, sizeof(*b));
}

static void act_free(struct everything *x)
{
	struct piece *b = &x->block[dice(x, BLOCKS)];

	if (b->used && !b->busy)
		free_block(x, b);
}

static void act_vmap(struct everything *x)
{
	struct piece *b = &x->block[dice(x, BLOCKS)];
	uint32_t pfns[LARGEST / PAGE], nr = b->size / PAGE, at = dice(x, LARGEST / 4) * 4;

	if (!b->used || b->busy)
		return;
	if (b->vmap && dice(x, 3)) {
		if (at < b->size)
			kernel_access(x, b->vmap + at, b->bytes + at);
		return;
	}
	if (b->vmap) {
		expect(x, !vunmap(x->m, any_cpu(x), b->vmap));
		b->vmap = 0;
		return;
	}
	for (uint32_t i = 0; i < nr; i++)
		pfns[i] = (uint32_t)b->at + i;
	arm(x);
	int err = vmap(x->m, any_cpu(x), pfns, nr, 0, &b->vmap);

	if (starved(x, err, false))
		b->vmap = 0;
	else
		expect(x, !err);
}

/* ---- all of it ---- */

void kernel_look(struct everything *x)
{
	for (unsigned i = 0; i < OBJECTS; i++)
		if (x->object[i].used && !x->object[i].busy)
			same_phys(x, object_phys(x, &x->object[i]), x->object[i].bytes,
				x->object[i].size);
	for (unsigned i = 0; i < AREAS; i++)
		if (x->area[i].used)
			each_page_of_area(x, &x->area[i], false);
	for (unsigned i = 0; i < HELD; i++)
		if (x->held[i].used && !x->held[i].busy)
			same_phys(x, held_pfn(x, i) << PAGE_SHIFT, x->held[i].bytes, PAGE);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (x->block[i].used && !x->block[i].busy)
			same_phys(x, x->block[i].at << PAGE_SHIFT, x->block[i].bytes,
				x->block[i].size);
}

void kernel_end(struct everything *x)
{
	for (unsigned i = 0; i < HELD; i++) {
		if (x->held[i].window)
			end_window(x, i);
		if (x->held[i].used)
			let_go(x, i);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (x->block[i].used)
			free_block(x, &x->block[i]);
	for (unsigned i = 0; i < 1000; i++) {
		act_kfree(x);
		act_vfree(x);
	}
}

const struct act kernel_acts[] = {{"kmalloc", act_kmalloc, 4}, {"kfree", act_kfree, 2},
	{"krealloc", act_krealloc, 2}, {"object access", act_object_access, 4},
	{"vmalloc", act_vmalloc, 2}, {"vfree", act_vfree, 1}, {"area access", act_area_access, 4},
	{"hold", act_hold, 4}, {"let go", act_let_go, 1}, {"window", act_window, 6},
	{"alloc", act_alloc, 6}, {"free", act_free, 4}, {"vmap", act_vmap, 3}, {NULL, NULL, 0}};
