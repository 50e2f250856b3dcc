/* SPDX-License-Identifier: MIT
 *
 * /reserved-memory and /memreserve/: RAM that the devicetree takes away from the page allocator.
 *
 * A child of /reserved-memory has either `reg` (a fixed place) or `size` with `alignment` and
 * `alloc-ranges` (to be placed at boot). `no-map` takes it out of the kernel's map altogether;
 * `reusable` on a shared-dma-pool lends it to the page allocator as a CMA area;
 * `linux,cma-default` makes that area the default one. Another shared-dma-pool holds coherent
 * memory for the devices whose `memory-region` names it. Nodes that are not available are passed
 * over; so is what makes no sense, as the kernel does with a warning; so is a /reserved-memory
 * whose cells are not the root's or that has no `ranges`.
 *
 * Follows drivers/of/fdt.c and of_reserved_mem.c of 6.1.
 */
#include "mm/boot/dt.h"

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

static struct reserved_range *take(struct machine_desc *d, const char *name, struct refusal *why)
{
	if (d->nr_reserved == DESCRIBE_MAX_RESERVED) {
		refuse(why, EINVAL, "more than %d reserved ranges of memory",
			DESCRIBE_MAX_RESERVED);
		return NULL;
	}
	struct reserved_range *r = &d->reserved[d->nr_reserved++];
	snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}

/* rmem_cma_setup() refuses an area that is not mapped or not reusable, rmem_dma_setup() one that is reusable. */
static void flags_of(struct reserved_range *r, const void *fdt, int node)
{
	bool pool = fdt_node_check_compatible(fdt, node, "shared-dma-pool") == 0;
	bool reusable = dt_has(fdt, node, "reusable");

	r->no_map = dt_has(fdt, node, "no-map");
	r->reusable = pool && reusable && !r->no_map;
	r->cma_default = r->reusable && dt_has(fdt, node, "linux,cma-default");
	r->dma_pool = pool && !reusable;
	r->misfit = pool && reusable && r->no_map;
	r->dma_default = r->dma_pool && dt_has(fdt, node, "linux,dma-default");
	r->restricted = fdt_node_check_compatible(fdt, node, "restricted-dma-pool") == 0;
}

static int scan_static(struct machine_desc *d, const void *fdt, int node, unsigned address,
	unsigned size, struct refusal *why)
{
	struct cells c = dt_cells(fdt, node, "reg");
	const char *name = fdt_get_name(fdt, node, NULL);
	uint64_t start, bytes;
	bool first = true;

	while (c.left && address + size) {
		if (!cells_take(&c, address, &start) || !cells_take(&c, size, &bytes))
			return 0; /* "Reserved memory: invalid reg property", skipping node */
		if (!bytes || bytes > UINT64_MAX - start)
			continue;
		struct reserved_range *r = take(d, name, why);
		if (!r)
			return -why->err;
		r->start = start;
		r->end = start + bytes;
		flags_of(r, fdt, node);
		/* Only the first range of a node becomes a pool. */
		r->not_first = !first;
		first = false;
	}
	return 0;
}

static int scan_dynamic(struct machine_desc *d, const void *fdt, int node, unsigned address,
	unsigned size, struct refusal *why)
{
	struct cells c = dt_cells(fdt, node, "size");
	uint64_t bytes, align = 0, start, length;

	if (c.left != size || !cells_take(&c, size, &bytes) || !bytes)
		return 0;
	c = dt_cells(fdt, node, "alignment");
	if (c.left && (c.left != size || !cells_take(&c, size, &align)))
		return 0;
	c = dt_cells(fdt, node, "alloc-ranges");
	bool anywhere = !c.left;
	bool limited = cells_take(&c, address, &start) && cells_take(&c, size, &length) &&
		       !anywhere && length;
	if (!anywhere && !limited)
		return 0;

	struct reserved_range *r = take(d, fdt_get_name(fdt, node, NULL), why);
	if (!r)
		return -why->err;
	r->size_bytes = bytes;
	r->align_bytes = align;
	if (limited) {
		r->alloc_start = start;
		r->alloc_end = length > UINT64_MAX - start ? UINT64_MAX : start + length;
	}
	flags_of(r, fdt, node);
	return 0;
}

int describe_reserved(struct machine_desc *d, const void *fdt, struct refusal *why)
{
	int parent = fdt_path_offset(fdt, "/reserved-memory"), node, err = 0;
	struct refusal here;

	if (!why)
		why = &here;
	for (int i = 0, n = fdt_num_mem_rsv(fdt); i < n && i < DESCRIBE_MAX_RESERVED; i++) {
		uint64_t start, bytes;

		if (fdt_get_mem_rsv(fdt, i, &start, &bytes) || !bytes || bytes > UINT64_MAX - start)
			continue;
		struct reserved_range *r = take(d, "memreserve", why);
		if (!r)
			return -why->err;
		r->start = start;
		r->end = start + bytes;
	}
	if (parent < 0)
		return 0;
	unsigned address = dt_u32(fdt, 0, "#address-cells", 1);
	unsigned size = dt_u32(fdt, 0, "#size-cells", 1);

	/* "unsupported node format, ignoring" */
	if (dt_u32(fdt, parent, "#address-cells", 0) != address ||
		dt_u32(fdt, parent, "#size-cells", 0) != size || !dt_has(fdt, parent, "ranges"))
		return 0;
	fdt_for_each_subnode(node, fdt, parent)
	{
		if (!dt_available(fdt, node))
			continue;
		err = dt_has(fdt, node, "reg") ? scan_static(d, fdt, node, address, size, why)
					       : scan_dynamic(d, fdt, node, address, size, why);
		if (err)
			return err;
	}
	return 0;
}
