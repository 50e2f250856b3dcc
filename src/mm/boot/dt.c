/* SPDX-License-Identifier: MIT
 *
 * Cells, strings and flags of devicetree nodes (see dt.h). Values are big-endian and need not be
 * aligned.
 */
#include "mm/boot/dt.h"

#include <libfdt.h>
#include <string.h>

struct cells dt_cells(const void *fdt, int node, const char *property)
{
	int len = 0;
	const void *at = fdt_getprop(fdt, node, property, &len);

	return (struct cells){.at = at, .left = at && len > 0 ? (unsigned)len / 4 : 0};
}

bool cells_take(struct cells *c, unsigned n, uint64_t *value)
{
	*value = 0;
	if (n > c->left)
		return false;
	for (unsigned i = 0; i < n; i++, c->at += 4, c->left--) {
		if (*value >> 32)
			return false;
		*value = *value << 32 | (uint64_t)c->at[0] << 24 | (uint64_t)c->at[1] << 16 |
			 (uint64_t)c->at[2] << 8 | c->at[3];
	}
	return true;
}

uint32_t dt_u32(const void *fdt, int node, const char *property, uint32_t fallback)
{
	struct cells c = dt_cells(fdt, node, property);
	uint64_t value;

	return c.left == 1 && cells_take(&c, 1, &value) ? (uint32_t)value : fallback;
}

bool dt_u64(const void *fdt, int node, const char *property, uint64_t *value)
{
	struct cells c = dt_cells(fdt, node, property);

	return (c.left == 1 || c.left == 2) && cells_take(&c, c.left, value);
}

void dt_bus_cells(const void *fdt, int node, unsigned *address, unsigned *size)
{
	*address = dt_u32(fdt, node, "#address-cells", 2);
	*size = dt_u32(fdt, node, "#size-cells", 1);
}

const char *dt_string(const void *fdt, int node, const char *property)
{
	int len = 0;
	const char *s = fdt_getprop(fdt, node, property, &len);

	return s && len > 0 && !s[len - 1] ? s : NULL;
}

bool dt_has(const void *fdt, int node, const char *property)
{
	return fdt_getprop(fdt, node, property, NULL) != NULL;
}

bool dt_available(const void *fdt, int node)
{
	const char *status = dt_string(fdt, node, "status");

	return !status || !strcmp(status, "okay") || !strcmp(status, "ok");
}

bool dt_translate(const void *fdt, int bus, unsigned address, unsigned size, unsigned up_address,
	const char *property, uint64_t *start, uint64_t bytes)
{
	struct cells c = dt_cells(fdt, bus, property);
	uint64_t child, up, length;

	if (!dt_has(fdt, bus, property))
		return false;
	if (!c.left)
		return true; /* empty: one to one */
	/* PCI writes the kind of space into the first of three cells. */
	unsigned kind = address == 3 ? 1 : 0;
	while (c.left && address + up_address + size) {
		uint64_t ignored;

		if (!cells_take(&c, kind, &ignored) || !cells_take(&c, address - kind, &child) ||
			!cells_take(&c, up_address, &up) || !cells_take(&c, size, &length))
			return false;
		if (*start >= child && *start - child < length &&
			bytes <= length - (*start - child)) {
			*start = up + (*start - child);
			return *start >= up;
		}
	}
	return false;
}
