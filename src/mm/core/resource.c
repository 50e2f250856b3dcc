/* SPDX-License-Identifier: MIT
 *
 * The resource trees: who has which physical addresses (proc/iomem) and I/O ports (proc/ioports).
 *
 *	00100000-7ffdcfff : System RAM
 *	  01000000-0191bc7f : Kernel code        a child lies wholly inside its parent;
 *	  0191c000-01c38fff : Kernel rodata      siblings are disjoint and in ascending order
 *	80000000-febfffff : PCI Bus 0000:00
 *
 * Inserting goes down from the root as long as one child contains the new range. Where the range
 * contains some children, it takes them over. A range that cuts another one in two cannot be
 * inserted: EBUSY. A range equal to a present one becomes its child, as with drivers that request
 * what their bus announced.
 *
 * Nodes lie in one table in the heap and refer to each other by index + 1. Roots are virtual:
 * iomem and ioports are heads of sibling lists.
 *
 * Releasing takes a node out; those inside it move up. Its place in the table is used again.
 *
 * Left out: flags. Follows kernel/resource.c of 6.1.
 */
#include "mm/core/resource.h"

#include "base/text.h"
#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct resource *table(const struct machine *m)
{
	return machine_at(m, m->resources.at);
}

/* Room for one more; its index + 1, or 0. */
static uint32_t take(struct machine *m)
{
	struct resources *r = &m->resources;

	if (r->free) {
		uint32_t i = r->free;

		r->free = table(m)[i - 1].sibling;
		table(m)[i - 1] = (struct resource){0};
		return i;
	}
	if (r->nr == r->cap) {
		uint32_t cap = r->cap ? r->cap * 2 : 64;
		uint64_t at = heap_grow(
			m, r->at, r->cap * sizeof(struct resource), cap * sizeof(struct resource));

		if (!at)
			return 0;
		r->at = at;
		r->cap = cap;
	}
	return ++r->nr;
}

static bool contains(const struct resource *outer, uint64_t start, uint64_t end)
{
	return outer->start <= start && outer->end >= end;
}

/* Where the list of @parent's children begins (index + 1; 0: the root of the tree). */
static uint32_t *first_child(struct machine *m, bool port, uint32_t parent)
{
	if (parent)
		return &table(m)[parent - 1].child;
	return port ? &m->resources.ioports : &m->resources.iomem;
}

/* The innermost resource that contains the range, 0 for none. */
static uint32_t find_parent(struct machine *m, bool port, uint64_t start, uint64_t end)
{
	uint32_t parent = 0, i = *first_child(m, port, 0);

	while (i) {
		const struct resource *r = &table(m)[i - 1];

		if (contains(r, start, end)) {
			parent = i;
			i = r->child;
		} else {
			i = r->sibling;
		}
	}
	return parent;
}

/* A child of @parent that @start..@end cuts; 0 for none. */
static uint32_t find_cut(
	struct machine *m, bool port, uint32_t parent, uint64_t start, uint64_t end)
{
	for (uint32_t i = *first_child(m, port, parent); i; i = table(m)[i - 1].sibling) {
		const struct resource *r = &table(m)[i - 1];

		if (r->end >= start && r->start <= end && (r->start < start || r->end > end))
			return i;
	}
	return 0;
}

int resource_insert(struct machine *m, bool port, uint64_t start, uint64_t end, const char *name)
{
	if (start > end)
		return refuse(&m->why, EINVAL, "the resource %s ends before it starts", name);
	uint32_t parent = find_parent(m, port, start, end);
	uint32_t cut = find_cut(m, port, parent, start, end);
	if (cut)
		return refuse(&m->why, EBUSY, "%s 0x%llx-0x%llx overlaps a part of %s", name,
			(unsigned long long)start, (unsigned long long)end, table(m)[cut - 1].name);
	uint32_t self = take(m);
	if (!self)
		return -m->why.err;

	struct resource *r = &table(m)[self - 1];
	r->start = start;
	r->end = end;
	r->parent = parent;
	snprintf(r->name, sizeof(r->name), "%s", name);
	uint32_t *link = first_child(m, port, parent);
	while (*link && table(m)[*link - 1].end < start)
		link = &table(m)[*link - 1].sibling;
	/* The siblings that lie inside become children. */
	uint32_t inside = *link, *tail = &r->child;
	while (inside && table(m)[inside - 1].start <= end) {
		*tail = inside;
		tail = &table(m)[inside - 1].sibling;
		table(m)[inside - 1].parent = self;
		inside = *tail;
	}
	*tail = 0;
	r->sibling = inside;
	*link = self;
	return 0;
}

bool resource_range(const struct machine *m, const char *name, uint64_t *start, uint64_t *end)
{
	for (uint32_t i = 0; i < m->resources.nr; i++) {
		const struct resource *r = &table(m)[i];

		if (strcmp(r->name, name) != 0)
			continue;
		*start = r->start;
		*end = r->end + 1;
		return true;
	}
	return false;
}

int resource_release(struct machine *m, bool port, uint64_t start, uint64_t end, const char *name)
{
	uint32_t i = find_parent(m, port, start, end);

	while (i && strcmp(table(m)[i - 1].name, name))
		i = table(m)[i - 1].parent;
	if (!i || table(m)[i - 1].start != start || table(m)[i - 1].end != end)
		return -ENOENT;
	struct resource *r = &table(m)[i - 1];
	uint32_t *link = first_child(m, port, r->parent);

	while (*link != i)
		link = &table(m)[*link - 1].sibling;
	/* Its children take its place, in their order. */
	for (uint32_t child = r->child; child; child = table(m)[child - 1].sibling) {
		table(m)[child - 1].parent = r->parent;
		*link = child;
		link = &table(m)[child - 1].sibling;
	}
	*link = r->sibling;
	*r = (struct resource){.sibling = m->resources.free};
	m->resources.free = i;
	return 0;
}

void resource_show(const struct machine *m, bool port, struct text *out)
{
	uint32_t i = port ? m->resources.ioports : m->resources.iomem;
	unsigned depth = 0;

	while (i) {
		const struct resource *r = &table(m)[i - 1];
		/* The width is that of the largest address of the root: 16 bits of ports, else at
		 * least 32. */
		unsigned width = port && m->arch <= ARCH_X86_64 ? 4 : 8;

		/* proc_iomem indents at most five levels. */
		text_fill(out, ' ', 2 * (depth < 5 ? depth : 5));
		text_hex(out, r->start, width);
		text_putc(out, '-');
		text_hex(out, r->end, width);
		text_puts(out, " : ");
		text_puts(out, r->name);
		text_putc(out, '\n');
		if (r->child) {
			i = r->child;
			depth++;
			continue;
		}
		while (!r->sibling && r->parent) {
			r = &table(m)[r->parent - 1];
			depth--;
		}
		i = r->sibling;
	}
}

void resource_name(const struct machine *m, uint64_t addr, struct text *out)
{
	uint32_t i = m->resources.iomem;
	bool any = false;

	while (i) {
		const struct resource *r = &table(m)[i - 1];

		if (!contains(r, addr, addr)) {
			i = r->sibling;
			continue;
		}
		if (any)
			text_puts(out, " / ");
		text_puts(out, r->name);
		any = true;
		i = r->child;
	}
}

static unsigned check_one(const struct machine *m, uint32_t i, struct text *out)
{
	const struct resource *r = &table(m)[i - 1];
	const struct resource *parent = r->parent ? &table(m)[r->parent - 1] : NULL;
	const struct resource *next = r->sibling ? &table(m)[r->sibling - 1] : NULL;

	if (r->start <= r->end && (!parent || contains(parent, r->start, r->end)) &&
		(!next || (next->start > r->end && next->parent == r->parent)))
		return 0;
	text_printf(out, "resource %s 0x%llx-0x%llx is not inside its parent or not in order\n",
		r->name, (unsigned long long)r->start, (unsigned long long)r->end);
	return 1;
}

unsigned resource_check(const struct machine *m, struct text *out)
{
	unsigned bad = 0;

	for (uint32_t i = 1; i <= m->resources.nr; i++)
		if (table(m)[i - 1].name[0])
			bad += check_one(m, i, out);
	return bad;
}
