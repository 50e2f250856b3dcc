/* SPDX-License-Identifier: MIT
 *
 * Reading properties of a devicetree that has passed fdt_check_full(): shared by the describe_*.c
 * files.
 */
#ifndef SIMM_MM_DT_H
#define SIMM_MM_DT_H

#include "mm/boot/describe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of cells: `reg`, `ranges` ... */
struct cells {
	const uint8_t *at;
	unsigned left; /* cells */
};

struct cells dt_cells(const void *fdt, int node, const char *property);
/* Take a number of @n cells. False when too few are left, or it needs more than 64 bits. n == 0
 * gives 0. */
bool cells_take(struct cells *c, unsigned n, uint64_t *value);
/* #address-cells and #size-cells of @node for its children, with the standard's defaults (2, 1). */
void dt_bus_cells(const void *fdt, int node, unsigned *address, unsigned *size);
/* A property of one cell; @fallback when it is missing or of another length. */
uint32_t dt_u32(const void *fdt, int node, const char *property, uint32_t fallback);
/* A property of one or two cells. */
bool dt_u64(const void *fdt, int node, const char *property, uint64_t *value);
/* A string property, NULL when it is missing or not a string. */
const char *dt_string(const void *fdt, int node, const char *property);
bool dt_has(const void *fdt, int node, const char *property);
/* No `status`, or "okay" or "ok". */
bool dt_available(const void *fdt, int node);

/* [*start, *start + bytes) of @bus's children into its parent's addresses, by `ranges` or `dma-ranges`; the cells of an
 * address there, of a size, and of the parent's address. False: no entry has it. */
bool dt_translate(const void *fdt, int bus, unsigned address, unsigned size, unsigned up_address,
	const char *property, uint64_t *start, uint64_t bytes);

/* The parts of describe_fdt(), in files of their own. */
int describe_reserved(struct machine_desc *d, const void *fdt, struct refusal *why);
void describe_tree(struct machine_desc *d, const void *fdt);
int describe_e820(struct machine_desc *d, const void *fdt, int node, struct refusal *why);
void describe_io_names(struct machine_desc *d, const void *fdt, int node, bool port);

#endif
