/* SPDX-License-Identifier: MIT
 *
 * A device's own memory (mm/dma/reserved_mem.h): what its driver asks for, and sim/devices/NAME/memory_region.
 *
 *	pool 0x9b000000 1048576 dma assigned 12288        a line for each entry; of coherent memory also the bytes given out
 */
#include "view/call.h"

#include "mm/dma/reserved_mem.h"
#include "view/device.h"
#include "view/files.h"

#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- calls ---- */

static int init_by_idx(struct call *c, uint64_t idx)
{
	return of_reserved_mem_device_init_by_idx(c->m, c->cpu, view_device(c->v), idx);
}

int call_of_reserved_mem_device_init(struct call *c)
{
	return init_by_idx(c, 0);
}

int call_of_reserved_mem_device_init_by_idx(struct call *c)
{
	return init_by_idx(c, c->arg[0].number);
}

int call_of_reserved_mem_device_release(struct call *c)
{
	return of_reserved_mem_device_release(c->m, view_device(c->v));
}

/* ---- the file ---- */

static void put_region(
	const struct machine *m, const struct device *d, unsigned i, struct text *out)
{
	const struct reserved_mem *mem = reserved_mem_nth(m, i);
	bool assigned = mem->cma ? d->cma_area == mem->cma : d->dma_mem == i + 1;

	text_printf(out, "%s 0x%llx %llu %s", mem->name, (ull)mem->base, (ull)mem->bytes,
		mem->cma	  ? "cma"
		: mem->dma_pool	  ? "dma"
		: mem->restricted ? "restricted"
				  : "reserved");
	if ((mem->cma || mem->dma_pool) && assigned)
		text_puts(out, " assigned");
	if (mem->dma_pool)
		text_printf(out, " %llu", (ull)reserved_mem_used(m, mem) << PAGE_SHIFT);
	text_putc(out, '\n');
}

int show_device_regions(struct view *v, struct text *out)
{
	const struct device *d = view_device(v);

	for (unsigned i = 0; i < d->nr_regions; i++) {
		if (d->region[i] >= 0)
			put_region(v->m, d, (unsigned)d->region[i], out);
		else
			text_puts(out, d->region[i] == REGION_DISABLED ? "(disabled)\n"
								       : "(no reserved memory)\n");
	}
	return 0;
}

/* The next word; its length, 0: no more. */
static size_t next_word(const char **s, const char *end)
{
	size_t len = 0;

	while (*s < end && (**s == ' ' || **s == '\n'))
		++*s;
	while (*s + len < end && (*s)[len] != ' ' && (*s)[len] != '\n')
		len++;
	return len;
}

int64_t store_device_regions(struct view *v, const char *data, size_t len)
{
	struct device *d = view_device(v);
	const char *s = data, *end = data + len;
	int16_t region[DESCRIBE_MAX_REGIONS];
	uint8_t nr = 0;
	size_t n;

	if (!d->made)
		return refuse(
			&v->m->why, EPERM, "%s is part of the board: this is what it is", d->name);
	if (d->cma_area || d->dma_mem)
		return refuse(&v->m->why, EBUSY,
			"%s has memory of its own: of_reserved_mem_device_release gives it up",
			d->name);
	for (; (n = next_word(&s, end)); s += n) {
		const struct reserved_mem *mem = reserved_mem_find(v->m, s, n);

		if (!mem)
			return refuse(&v->m->why, ENOENT,
				"/reserved-memory has no node %.*s: proc/iomem and sim/dmesg tell "
				"what it has",
				(int)(n < 60 ? n : 60), s);
		if (nr == DESCRIBE_MAX_REGIONS)
			return refuse(&v->m->why, E2BIG, "a device names at most %d nodes",
				DESCRIBE_MAX_REGIONS);
		region[nr++] = (int16_t)(mem - reserved_mem_nth(v->m, 0));
	}
	memcpy(d->region, region, nr * sizeof(region[0]));
	d->nr_regions = nr;
	return (int64_t)len;
}
