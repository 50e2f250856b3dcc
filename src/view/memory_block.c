/* SPDX-License-Identifier: MIT
 *
 * sys/devices/system/memory: the blocks in which memory is taken off and put on line.
 *
 * A block exists when any of its sections has RAM. A block that lies in one zone names it in valid_zones; where zones
 * meet, or a hole belongs to another one, it says `none` and can never go off line. Removing and adding blocks come
 * in a later part: until then every block's memory counts as in use.
 * Follows drivers/base/memory.c and arch/x86/mm/init_64.c of Linux 6.1.
 */
#include "view/memory_block.h"

#include "view/files.h"
#include "view/put.h"

#include "base/parse.h"

#include <errno.h>

#define LARGE_MACHINE_BYTES ((uint64_t)64 << 30)
#define LARGEST_BLOCK_BYTES ((uint64_t)2 << 30)

/* Bytes of one block: a section, or more on large x86 machines. 0 without SPARSEMEM. */
static uint64_t memory_block_bytes(const struct machine *m)
{
	if (!m->section_shift)
		return 0;
	/* x86 makes fewer blocks of large machines: 2 GiB each. */
	if (m->arch == ARCH_X86_64 && m->end_pfn << PAGE_SHIFT >= LARGE_MACHINE_BYTES)
		return LARGEST_BLOCK_BYTES;
	return (uint64_t)1 << m->section_shift;
}

uint64_t memory_block_end(const struct machine *m)
{
	uint64_t bytes = memory_block_bytes(m);

	return bytes ? ((m->end_pfn << PAGE_SHIFT) + bytes - 1) / bytes : 0;
}

/* Is there RAM (of node @nid, or of any when negative) in the block? */
static bool block_has_ram(const struct machine *m, uint64_t block, int nid)
{
	uint64_t bytes = memory_block_bytes(m), start = block * bytes;

	if (!bytes || block >= memory_block_end(m))
		return false;
	for (unsigned i = 0; i < m->memblock.memory.nr; i++) {
		const struct memblock_region *r = &m->memblock.memory.region[i];

		if (r->start < start + bytes && r->end > start &&
			(nid < 0 || r->nid == (unsigned)nid))
			return true;
	}
	return false;
}

bool memory_block_exists(const struct machine *m, uint64_t block)
{
	return block_has_ram(m, block, -1);
}

bool memory_block_on_node(const struct machine *m, uint64_t block, unsigned nid)
{
	return block_has_ram(m, block, (int)nid);
}

/* The only zone that the block lies in, NULL when there are several. */
static const struct zone *block_zone(const struct machine *m, uint64_t block)
{
	uint64_t pages = memory_block_bytes(m) >> PAGE_SHIFT, start = block * pages;
	const struct zone *found = NULL;

	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z)) {
		if (!memory_block_on_node(m, block, z->nid) || !zone_populated(z) ||
			z->start_pfn >= start + pages || zone_end_pfn(z) <= start)
			continue;
		if (found)
			return NULL;
		found = z;
	}
	return found;
}

int show_block_size(struct view *v, struct text *out)
{
	text_hex(out, memory_block_bytes(v->m), 0);
	text_putc(out, '\n');
	return 0;
}

int show_block_index(struct view *v, struct text *out)
{
	text_hex(out, v->arg[0], 8);
	text_putc(out, '\n');
	return 0;
}

int show_block_device(struct view *v, struct text *out)
{
	text_puts(out, "0\n");
	return 0;
}

int show_block_online(struct view *v, struct text *out)
{
	text_puts(out, "1\n");
	return 0;
}

int show_block_removable(struct view *v, struct text *out)
{
	text_puts(out, machine_has(v->m, CONFIG_MEMORY_HOTREMOVE) ? "1\n" : "0\n");
	return 0;
}

int show_block_state(struct view *v, struct text *out)
{
	text_puts(out, "online\n");
	return 0;
}

int show_block_zones(struct view *v, struct text *out)
{
	const struct zone *z = block_zone(v->m, v->arg[0]);

	text_puts(out, z ? zone_name(z->type) : "none");
	text_putc(out, '\n');
	return 0;
}

int show_block_node_link(struct view *v, struct text *out)
{
	text_puts(out, "../../node/node");
	text_dec(out, v->arg[1], 0);
	return 0;
}

int show_node_block_link(struct view *v, struct text *out)
{
	text_puts(out, "../../memory/memory");
	text_dec(out, v->arg[1], 0);
	return 0;
}

static int refuse_offline(struct view *v)
{
	if (!block_zone(v->m, v->arg[0]))
		return refuse(&v->m->why, EINVAL,
			"memory%llu lies in several zones and cannot go off line",
			(unsigned long long)v->arg[0]);
	return refuse(&v->m->why, EBUSY,
		"memory%llu cannot be emptied: moving pages away comes with memory hotplug",
		(unsigned long long)v->arg[0]);
}

int64_t store_block_state(struct view *v, const char *data, size_t len)
{
	size_t word = parse_line_len(data, len);

	if (parse_is(data, word, "offline"))
		return refuse_offline(v);
	if (parse_is(data, word, "online") || parse_is(data, word, "online_kernel") ||
		parse_is(data, word, "online_movable"))
		return refuse(&v->m->why, EINVAL, "memory%llu is on line already",
			(unsigned long long)v->arg[0]);
	return refuse(
		&v->m->why, EINVAL, "state takes online, online_kernel, online_movable or offline");
}

int64_t store_block_online(struct view *v, const char *data, size_t len)
{
	if (len && (*data == '0' || *data == 'n' || *data == 'N'))
		return refuse_offline(v);
	if (len && (*data == '1' || *data == 'y' || *data == 'Y'))
		return (int64_t)len;
	return refuse(&v->m->why, EINVAL, "online takes 0 or 1");
}
