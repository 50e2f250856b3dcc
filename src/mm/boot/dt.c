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
