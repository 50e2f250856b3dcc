/* SPDX-License-Identifier: MIT
 *
 * The parts of which sim/addr's files are made: each writes its lines, or none.
 */
#ifndef SIMM_VIEW_ADDR_H
#define SIMM_VIEW_ADDR_H

#include "base/text.h"
#include "hw/walk.h"
#include "mm/machine.h"
#include "mm/process/address_kind.h"

#define ADDR_KEY	"%-10s "
#define ADDR_USERS_MOST 100 /* lines of one kind */

/* What is known of the address when the lines are written. */
struct addr {
	struct machine *m;
	uint64_t va; /* when a virtual address was asked for */
	enum address_kind kind;
	bool mmu;
	struct page_walk walk;
	bool has_pa; /* it leads somewhere */
	uint64_t pa;
	bool has_page;
	uint64_t pfn;
	struct frame frame;
};

typedef void addr_part_fn(struct addr *a, struct text *out);

/* ---- the kernel's side of it (addr_kernel.c), from the virtual address ---- */

addr_part_fn addr_put_area, addr_put_vm, addr_put_fixed, addr_put_window, addr_put_described;

/* ---- and from the physical one ---- */

addr_part_fn addr_put_kmaps, addr_put_vm_names, addr_put_stack;
/* All lines of sim/addr/phys:. */
void addr_put_physical(struct machine *m, uint64_t pa, struct text *out);

/* ---- the bus (addr_bus.c) ---- */

addr_part_fn addr_put_bus;

#endif
