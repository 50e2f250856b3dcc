/* SPDX-License-Identifier: MIT
 *
 * Booting a machine of the shape of a real one (like=): its zones are given, so nothing is worked
 * out.
 *
 *   1. RAM of each zone: what iomem showed inside the zone's span, cut or filled up to `present`
 *   2. reserved in each zone: present - managed pages; the first MiB of a PC, then from the zone's top down, as
 *      memblock would have taken them
 *   3. CMA: the highest place in the zone that is free and aligned
 *   4. after the hand-over: the settings of /proc/sys/vm
 *
 * Where a dump knows no place (holes inside a zone, what was reserved), ours is one of many that
 * give the same numbers; the numbers are the dump's exactly. The kernel's image is not placed: it
 * is part of what is reserved.
 *
 * Invariant: spanned, present, managed and cma of every zone are the dump's.
 */
#include "mm/sysctl_effect.h"
#include "mm/boot/boot.h"
#include "mm/page/zone.h"

#include <errno.h>
#include <string.h>

static uint64_t bytes_of(uint64_t pages)
{
	return pages << PAGE_SHIFT;
}

/* Give the zone up to @pages of what @old has inside its span and nobody claimed. */
static int claim(
	struct boot *b, const struct memblock_type *old, const struct like_zone *z, uint64_t *pages)
{
	for (unsigned i = 0; i < old->nr && *pages; i++) {
		uint64_t at = max_u64(old->region[i].start, bytes_of(z->start_pfn));
		uint64_t end = min_u64(old->region[i].end, bytes_of(z->start_pfn + z->spanned));

		while (at < end && *pages) {
			const struct memblock_type *memory = &b->m->memblock.memory;
			unsigned k = 0;

			while (k < memory->nr && memory->region[k].end <= at)
				k++;
			if (k < memory->nr && memory->region[k].start <= at) {
				at = memory->region[k].end;
				continue;
			}
			uint64_t stop =
				k < memory->nr ? min_u64(end, memory->region[k].start) : end;
			uint64_t take = min_u64(stop - at, bytes_of(*pages));
			int err = memblock_add(b->m, at, take, z->nid);
			if (err)
				return err;
			*pages -= take >> PAGE_SHIFT;
			at += take;
		}
	}
	return 0;
}

static int claim_ram(struct boot *b)
{
	struct machine *m = b->m;
	struct memblock_type known = m->memblock.memory;
	/* What the dump does not show as RAM and yet must be: it can lie anywhere in the span. */
	struct memblock_type anywhere = {.nr = 1, .region = {{.start = 0, .end = UINT64_MAX}}};
	int err = 0;

	memset(&m->memblock.memory, 0, sizeof(m->memblock.memory));
	uint64_t missing[sizeof(b->d->like.zone) / sizeof(b->d->like.zone[0])];
	for (unsigned i = 0; i < b->d->like.nr_zones && !err; i++) {
		missing[i] = b->d->like.zone[i].present;
		err = claim(b, &known, &b->d->like.zone[i], &missing[i]);
	}
	for (unsigned i = 0; i < b->d->like.nr_zones && !err; i++) {
		err = claim(b, &anywhere, &b->d->like.zone[i], &missing[i]);
		if (!err && missing[i])
			err = refuse(&m->why, EINVAL,
				"the dump's zones overlap so that node %u has no room for its "
				"pages",
				b->d->like.zone[i].nid);
	}
	return err;
}

static void set_zones(struct boot *b)
{
	for (unsigned nid = 0; nid < b->m->nr_nodes; nid++) {
		struct node *n = node_at(b->m, nid);

		n->nid = nid;
		for (unsigned cpu = 0; cpu < b->m->nr_cpus; cpu++)
			n->has_cpu |= b->m->cpu_node[cpu] == nid;
	}
	for (unsigned i = 0; i < b->d->like.nr_zones; i++) {
		const struct like_zone *from = &b->d->like.zone[i];
		struct zone *z = zone_at(b->m, from->nid, from->type);
		struct node *n = node_at(b->m, from->nid);

		if (!from->present)
			continue;
		z->start_pfn = from->start_pfn;
		z->spanned_pages = from->spanned;
		z->present_pages = from->present;
		uint64_t end = n->start_pfn + n->spanned_pages;
		n->start_pfn = n->has_memory ? min_u64(n->start_pfn, z->start_pfn) : z->start_pfn;
		n->spanned_pages = max_u64(end, zone_end_pfn(z)) - n->start_pfn;
		n->present_pages += z->present_pages;
		n->has_memory = true;
		b->physical_pages += z->present_pages;
		if (z->type == ZONE_HIGHMEM)
			b->max_low_pfn = min_u64(b->max_low_pfn, z->start_pfn);
		b->zone_start[z->type] = b->zone_end[z->type]
						 ? min_u64(b->zone_start[z->type], z->start_pfn)
						 : z->start_pfn;
		b->zone_end[z->type] = max_u64(b->zone_end[z->type], zone_end_pfn(z));
	}
}

/* Reserve @pages of the zone, the highest free ones. */
static int reserve_top(struct boot *b, const struct like_zone *z, uint64_t pages)
{
	while (pages) {
		uint64_t from = bytes_of(z->start_pfn), limit = bytes_of(z->start_pfn + z->spanned);
		uint64_t start, end, last_start = 0, last_end = 0;
		unsigned nid;

		while (memblock_next_free(b->m, from, &start, &end, &nid) && start < limit) {
			if (nid == z->nid) {
				last_start = start;
				last_end = min_u64(end, limit);
			}
			from = end;
		}
		if (last_start >= last_end)
			return refuse(&b->m->why, EINVAL,
				"the dump's node %u has fewer pages than it should reserve",
				z->nid);
		uint64_t take = min_u64(last_end - last_start, bytes_of(pages));
		int err = memblock_reserve(b->m, last_end - take, take);
		if (err)
			return err;
		pages -= take >> PAGE_SHIFT;
	}
	return 0;
}

static int place_cma(struct boot *b, const struct like_zone *z)
{
	uint64_t align = PAGE_BYTES << b->m->pageblock_order,
		 bytes = align_down(bytes_of(z->cma), align);

	if (!bytes || !machine_has(b->m, CONFIG_CMA) || b->nr_cma == MAX_CMA_AREAS)
		return 0;
	/* In one piece when there is one, else in halves. */
	uint64_t at = 0, piece = bytes;
	while (bytes && piece >= align && b->nr_cma < MAX_CMA_AREAS) {
		at = memblock_alloc_range(b->m, piece, align, bytes_of(z->start_pfn),
			bytes_of(z->start_pfn + z->spanned), (int)z->nid);
		if (!at) {
			piece = align_down(piece / 2, align);
			continue;
		}
		b->cma[b->nr_cma++] = (struct boot_cma){at, at + piece, "reserved"};
		bytes -= piece;
		piece = min_u64(piece, bytes);
	}
	return 0;
}

static int reserve_zones(struct boot *b)
{
	int err = 0;

	for (unsigned i = 0; i < b->d->like.nr_zones && !err; i++) {
		const struct like_zone *z = &b->d->like.zone[i];
		uint64_t pages = z->present - z->managed, first_mib = 0;

		if (arch_is_x86(b->m->arch) && z->present && z->start_pfn < 256) {
			first_mib = memblock_pages_in(b->m, z->start_pfn, 256, (int)z->nid);
			if (first_mib <= pages)
				err = memblock_reserve(b->m, 0, 256 * PAGE_BYTES);
			pages -= first_mib <= pages ? first_mib : 0;
		}
		if (!err)
			err = place_cma(b, z);
		if (!err)
			err = reserve_top(b, z, pages);
	}
	return err;
}

int boot_like(struct boot *b)
{
	b->max_low_pfn = b->max_pfn;
	int err = claim_ram(b);

	if (err)
		return err;
	b->max_pfn = b->m->memblock.memory.region[b->m->memblock.memory.nr - 1].end >> PAGE_SHIFT;
	/* A zone may span further than its last RAM. */
	for (unsigned i = 0; i < b->d->like.nr_zones; i++) {
		const struct like_zone *z = &b->d->like.zone[i];

		if (z->present)
			b->max_pfn = max_u64(b->max_pfn, z->start_pfn + z->spanned);
	}
	b->max_low_pfn = b->max_pfn;
	set_zones(b);
	err = reserve_zones(b);
	boot_say_zones(b);
	return err;
}

int boot_like_settings(struct boot *b)
{
	for (unsigned i = 0; i < b->d->like.nr_sysctls; i++)
		sysctl_adopt(b->m, b->d->like.sysctl[i].name, b->d->like.sysctl[i].value,
			strlen(b->d->like.sysctl[i].value));
	return 0;
}
