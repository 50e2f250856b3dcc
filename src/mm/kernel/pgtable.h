/* SPDX-License-Identifier: MIT
 *
 * Writing the kernel's page tables: its side of what the MMU reads. Entries are made in the architecture's real format
 * and lie in simulated RAM, in pages of a pool that was reserved for them.
 */
#ifndef SIMM_MM_PGTABLE_H
#define SIMM_MM_PGTABLE_H

#include "hw/dram.h"
#include "hw/paging.h"

struct machine;

/* What the kernel may do with a range of its own; user mode has no access to any but the last kind. */
enum pgtable_prot {
	PGTABLE_RW, /* PAGE_KERNEL */
	PGTABLE_RO, /* PAGE_KERNEL_RO */
	PGTABLE_RX, /* PAGE_KERNEL_ROX: code */
	PGTABLE_USER_RX, /* ARM's vectors: user mode, too, may read and execute it */
	PGTABLE_DEVICE, /* PAGE_KERNEL_NOCACHE, PROT_DEVICE_nGnRE: registers of a device */
};

/* Pages for tables, shared by trees; when they are used up, memblock gives others, unless @only. */
struct pgtable_pool {
	uint64_t at, end;	/* what is left of it, physical */
	bool only;
};

/* One tree of tables while it is written; nothing of this is state. */
struct pgtable {
	struct machine *m;
	struct dram dram;
	enum paging_mode_id mode;
	uint32_t has;		/* enum hw_has: forms that may be used; HW_HAS_GLOBAL: entries are global */
	uint8_t domain;		/* ARM: of tables that are made from now on */
	uint64_t root;		/* physical address of the top table */
	struct pgtable_pool *pool;
	uint64_t tables_bytes;	/* taken from the pool */
	uint64_t leaves[PAGING_MAX_LEVELS]; /* entries that map pages, by level */
};

/* A tree that exists, at @root, to be added to. */
struct pgtable pgtable_at(struct machine *m, uint64_t root, struct pgtable_pool *pool);

/* The entry that maps @pa by @form, and the one that leads to the table at @pa. */
uint64_t pgtable_leaf(enum paging_mode_id mode, const struct paging_form *form, uint64_t pa, uint32_t has,
	enum pgtable_prot prot);
/* ARM: Linux's own entry beside the hardware's last-level one. */
uint64_t pgtable_arm_linux(uint64_t pa, enum pgtable_prot prot);
uint64_t pgtable_table(enum paging_mode_id mode, unsigned depth, const struct paging_form *form, uint64_t pa);

/* Take a zeroed table of the tree's top level as its root. Errors: ENOMEM (m->why), EDQUOT. */
int pgtable_init(struct pgtable *t, struct machine *m, enum paging_mode_id mode, uint32_t has,
	struct pgtable_pool *pool);
/* Map [va, va + bytes) to @pa with the largest pages that fit and are not larger than 1 << @max_shift. What is mapped
 * already stays as it is. Addresses and @bytes are multiples of a page. Errors: as pgtable_init(). */
int pgtable_map(struct pgtable *t, uint64_t va, uint64_t pa, uint64_t bytes, enum pgtable_prot prot,
	unsigned max_shift);
/* Make the tables of [va, va + bytes), not 0 bytes, down to level @depth, with nothing in them. Errors: as
 * pgtable_init(). */
int pgtable_reserve(struct pgtable *t, uint64_t va, uint64_t bytes, unsigned depth);
/* Clear the entries of level @depth for [va, va + bytes); tables stay. TLBs are the caller's matter. */
void pgtable_clear(struct pgtable *t, uint64_t va, uint64_t bytes, unsigned depth);
/* The raw entry of @va in the table of level @depth; 0 also when there is no such table. */
uint64_t pgtable_entry(const struct pgtable *t, uint64_t va, unsigned depth);

#endif
