/* SPDX-License-Identifier: MIT
 *
 * Writing page tables (see pgtable.h).
 *
 * A range is mapped step by step: go down from the root; at each level, if a page of the level's size fits address,
 * physical address and what is left, write the entry and go on behind it; otherwise follow or make the table below.
 * So the largest pages are used by themselves, and the ragged ends get small ones.
 *
 *	va   |4K 4K 4K|      2M      |      2M      |              1G              |   2M   |4K|
 *
 * The bits are those that 6.1 writes: arch/x86/include/asm/pgtable_types.h, arch/arm/mm/mmu.c (MT_MEMORY_RW),
 * arch/arm64/include/asm/pgtable-prot.h (PROT_SECT_NORMAL), arch/riscv/include/asm/pgtable.h.
 *
 * ARM's tables of the last level come in pairs, a page for two entries of the first level (see pte.h): the hardware's
 * halves, and Linux's own entries in front of them.
 *
 * Tables come from a pool that boot reserved; should odd holes in RAM need more of them, memblock gives pages.
 *
 * Left out: memory types other than normal memory; changing the protection of what is mapped.
 */
#include "mm/kernel/pgtable.h"

#include "mm/machine.h"
#include "mm/page/contents.h"

#include <assert.h>
#include <errno.h>

#define BIT(n) (1ULL << (n))

static bool writable(enum pgtable_prot prot)
{
	return prot == PGTABLE_RW || prot == PGTABLE_DEVICE;
}

static uint64_t x86_bits(uint32_t has, enum pgtable_prot prot)
{
	uint64_t nx = has & HW_HAS_NX && prot != PGTABLE_RX ? BIT(63) : 0;

	/* PRESENT, ACCESSED, DIRTY, and GLOBAL, RW, PCD */
	return 0x61 | (has & HW_HAS_GLOBAL ? 0x100 : 0) | (writable(prot) ? 0x2 : 0) |
	       (prot == PGTABLE_DEVICE ? 0x10 : 0) | nx;
}

static uint64_t sv39_bits(uint32_t has, enum pgtable_prot prot)
{
	/* V R A D G, and W or X; where the CPU has no Svpbmt, nothing says that a device's registers are not cached. */
	return 0xe3 | (writable(prot) ? 0x4 : 0) | (prot == PGTABLE_RX ? 0x8 : 0) |
	       (prot == PGTABLE_DEVICE && has & HW_HAS_PBMT ? BIT(62) : 0);
}

static uint64_t arm64_bits(enum pgtable_prot prot)
{
	/* AF, inner shareable, UXN; PXN; read-only or the dirty-bit modifier; memory type Device-nGnRE */
	return 0x700 | BIT(54) | (prot == PGTABLE_RX ? 0 : BIT(53)) |
	       (writable(prot) ? BIT(51) : 0x80) | (prot == PGTABLE_DEVICE ? 0x10 : 0);
}

static uint64_t arm_bits(bool section, enum pgtable_prot prot)
{
	/* B C, TEX 1, S, AP 01; APX; XN. Sections and pages have them in different places. */
	if (section)
		return 0x1140c | (writable(prot) ? 0 : 0x8000) | (prot == PGTABLE_RX ? 0 : 0x10);
	return 0x45c | (writable(prot) ? 0 : 0x200) |
	       (prot == PGTABLE_RX || prot == PGTABLE_USER_RX ? 0 : 0x1) |
	       (prot == PGTABLE_USER_RX ? 0x20 : 0);
}

/* Linux's own entry beside it: PRESENT YOUNG DIRTY SHARED and write-allocate, or MT_DEV_SHARED; RDONLY, XN, USER. */
uint64_t pgtable_arm_linux(uint64_t pa, enum pgtable_prot prot)
{
	return pa | (prot == PGTABLE_DEVICE ? 0x453 : 0x45f) | (writable(prot) ? 0 : 0x80) |
	       (prot == PGTABLE_RX || prot == PGTABLE_USER_RX ? 0 : 0x200) |
	       (prot == PGTABLE_USER_RX ? 0x100 : 0);
}

uint64_t pgtable_leaf(enum paging_mode_id mode, const struct paging_form *form, uint64_t pa,
	uint32_t has, enum pgtable_prot prot)
{
	uint64_t entry = form->value | paging_encode(form, pa);

	assert(form->leaf);
	switch (mode) {
	case PAGING_X86_32:
		return entry | x86_bits(has & ~(uint32_t)HW_HAS_NX, prot);
	case PAGING_X86_PAE:
	case PAGING_X86_64:
	case PAGING_X86_64_LA57:
		return entry | x86_bits(has, prot);
	case PAGING_SV39:
		return entry | sv39_bits(has, prot);
	case PAGING_ARM64_4K:
		return entry | arm64_bits(prot);
	case PAGING_ARM_SHORT:
		return entry | arm_bits(form->page_shift >= 20, prot);
	case PAGING_NONE:
	case NR_PAGING_MODES:
		break;
	}
	assert(!"a mode with tables");
	return 0;
}

uint64_t pgtable_table(
	enum paging_mode_id mode, unsigned depth, const struct paging_form *form, uint64_t pa)
{
	uint64_t entry = form->value | paging_encode(form, pa);

	assert(!form->leaf);
	switch (mode) {
	case PAGING_X86_PAE:
		return depth ? entry | 0x67 : entry; /* a PDPTE has PRESENT only */
	case PAGING_X86_32:
	case PAGING_X86_64:
	case PAGING_X86_64_LA57:
		return entry | 0x67;
	case PAGING_ARM_SHORT:
		return entry | 0x10; /* domain 0, the kernel's; link_table() puts in others */
	default:
		return entry;
	}
}

static bool is_arm_pair(const struct pgtable *t, unsigned depth)
{
	return t->mode == PAGING_ARM_SHORT && depth == 1;
}

/* A zeroed table of a level, aligned to its size; of ARM's last level a page for two. */
static uint64_t new_table(struct pgtable *t, unsigned depth)
{
	const struct paging_level *level = &paging_modes[t->mode].level[depth];
	uint64_t bytes =
		is_arm_pair(t, depth) ? PAGE_BYTES : (uint64_t)level->entry_bytes << level->bits;
	uint64_t align = bytes > PAGE_BYTES ? bytes : PAGE_BYTES;
	uint64_t at = (t->pool->at + bytes - 1) & ~(bytes - 1);

	if (at + bytes <= t->pool->end)
		t->pool->at = at + bytes;
	else
		at = t->pool->only ? 0
				   : memblock_alloc_range(t->m, align, align, 0, t->pool->end, -1);
	if (!at) {
		refuse(&t->m->why, ENOMEM, "there is no RAM left for the kernel's page tables");
		return 0;
	}
	dram_zero(&t->dram, at, bytes);
	/* Also a table without entries is somebody's: who looks for memory that nobody uses must see contents. */
	for (uint64_t page = at; page < at + bytes; page += PAGE_BYTES)
		if (dram_touch(&t->dram, page, &t->m->why))
			return 0;
	t->tables_bytes += bytes;
	return at;
}

struct pgtable pgtable_at(struct machine *m, uint64_t root, struct pgtable_pool *pool)
{
	return (struct pgtable){.m = m,
		.dram = machine_dram(m),
		.mode = (enum paging_mode_id)m->kernel_map.mode,
		.has = m->cpus.desc.abilities,
		.root = root,
		.pool = pool};
}

int pgtable_init(struct pgtable *t, struct machine *m, enum paging_mode_id mode, uint32_t has,
	struct pgtable_pool *pool)
{
	*t = (struct pgtable){
		.m = m, .dram = machine_dram(m), .mode = mode, .has = has, .pool = pool};
	t->root = new_table(t, 0);
	return t->root ? 0 : -m->why.err;
}

/* The leaf form of a level for a range that begins like this; NULL: use smaller pages. */
static const struct paging_form *leaf_for(const struct pgtable *t, const struct paging_level *level,
	uint64_t va, uint64_t pa, uint64_t bytes, unsigned max_shift)
{
	uint64_t page_bytes = BIT(level->shift);

	if (level->shift > max_shift || bytes < page_bytes || (va | pa) & (page_bytes - 1))
		return NULL;
	for (unsigned i = 0; i < PAGING_MAX_FORMS && level->form[i].mask; i++) {
		const struct paging_form *form = &level->form[i];

		if (form->leaf && form->page_shift == level->shift &&
			(form->need & t->has) == form->need)
			return form;
	}
	return NULL;
}

static const struct paging_form *table_form(const struct paging_level *level)
{
	const struct paging_form *form = level->form;

	while (form->leaf)
		form++;
	assert(form->mask);
	return form;
}

static int put_entry(
	struct pgtable *t, const struct paging_level *level, uint64_t at, uint64_t entry)
{
	int err = dram_store(&t->dram, at, level->entry_bytes, entry, &t->m->why);

	if (err == -ENXIO)
		return refuse(
			&t->m->why, ENOMEM, "a page table of the kernel would lie outside RAM");
	return err;
}

/* Make the table below the empty entry of @va at level @depth. *@table gets it. */
static int link_table(struct pgtable *t, const struct paging_level *level, unsigned depth,
	uint64_t at, uint64_t *table)
{
	uint64_t page = new_table(t, depth + 1), other = 0;
	uint64_t entry = (uint64_t)t->domain << 5;

	if (!page)
		return -t->m->why.err;
	if (!is_arm_pair(t, depth + 1)) {
		*table = page;
		return put_entry(
			t, level, at, pgtable_table(t->mode, depth, table_form(level), page));
	}
	/* The neighbour's half, too, unless a section is there. */
	*table = page + 2048 + (at & 4) * 256;
	entry |= pgtable_table(t->mode, depth, table_form(level), *table);
	if (dram_load(&t->dram, at ^ 4, 4, &other))
		return refuse(&t->m->why, ENOMEM, "a page table of the kernel lies outside RAM");
	int err = put_entry(t, level, at, entry);

	return err || other ? err : put_entry(t, level, at ^ 4, entry ^ 1024);
}

static int put_leaf(struct pgtable *t, unsigned depth, const struct paging_form *leaf, uint64_t at,
	uint64_t pa, enum pgtable_prot prot)
{
	const struct paging_level *level = &paging_modes[t->mode].level[depth];
	int err = put_entry(t, level, at, pgtable_leaf(t->mode, leaf, pa, t->has, prot));

	t->leaves[depth]++;
	if (!err && is_arm_pair(t, depth))
		err = put_entry(t, level, at - 2048, pgtable_arm_linux(pa, prot));
	return err;
}

/* Map what one entry can; *@done gets how many bytes that is. */
static int map_step(struct pgtable *t, uint64_t va, uint64_t pa, uint64_t bytes,
	enum pgtable_prot prot, unsigned max_shift, uint64_t *done)
{
	const struct paging_mode *mode = &paging_modes[t->mode];
	uint64_t table = t->root, entry;

	for (unsigned depth = 0; depth < mode->nr_levels; depth++) {
		const struct paging_level *level = &mode->level[depth];
		uint64_t at = table + paging_index(level, va) * level->entry_bytes;

		if (dram_load(&t->dram, at, level->entry_bytes, &entry))
			return refuse(
				&t->m->why, ENOMEM, "a page table of the kernel lies outside RAM");
		const struct paging_form *form = paging_form_of(level, entry, t->has);
		const struct paging_form *leaf = leaf_for(t, level, va, pa, bytes, max_shift);

		if (form && form->leaf) {
			*done = BIT(form->page_shift) - (va & (BIT(form->page_shift) - 1));
			return 0;
		}
		if (!form && leaf) {
			*done = BIT(level->shift);
			return put_leaf(t, depth, leaf, at, pa, prot);
		}
		int err = form ? 0 : link_table(t, level, depth, at, &table);

		if (err)
			return err;
		if (form)
			table = paging_address(form, entry);
	}
	assert(!"pages of the last level fit everything");
	return -EINVAL;
}

int pgtable_map(struct pgtable *t, uint64_t va, uint64_t pa, uint64_t bytes, enum pgtable_prot prot,
	unsigned max_shift)
{
	assert(!((va | pa | bytes) & (PAGE_BYTES - 1)));
	for (uint64_t done = 0; bytes; va += done, pa += done, bytes -= done) {
		int err = map_step(t, va, pa, bytes, prot, max_shift, &done);

		if (err)
			return err;
		done = done < bytes ? done : bytes;
	}
	return 0;
}

/* The table of level @depth on the way to @va, 0 when there is none; *@made: made where it is missing, or why not. */
static uint64_t find_table(struct pgtable *t, uint64_t va, unsigned depth, int *made)
{
	uint64_t table = t->root, entry;

	for (unsigned above = 0; above < depth; above++) {
		const struct paging_level *level = &paging_modes[t->mode].level[above];
		uint64_t at = table + paging_index(level, va) * level->entry_bytes;
		int err = dram_load(&t->dram, at, level->entry_bytes, &entry);

		assert(!err);
		(void)err;
		const struct paging_form *form = paging_form_of(level, entry, t->has);

		if (form && form->leaf)
			return 0;
		if (form)
			table = paging_address(form, entry);
		else if (!made || (*made = link_table(t, level, above, at, &table)))
			return 0;
	}
	return table;
}

int pgtable_reserve(struct pgtable *t, uint64_t va, uint64_t bytes, unsigned depth)
{
	const struct paging_level *above = &paging_modes[t->mode].level[depth - 1];
	uint64_t unit = BIT(above->shift), last = va + (bytes - 1);
	int err = 0;

	assert(depth && bytes);
	for (va &= ~(unit - 1);; va += unit) {
		find_table(t, va, depth, &err);
		if (err || va == (last & ~(unit - 1)))
			return err;
	}
}

void pgtable_clear(struct pgtable *t, uint64_t va, uint64_t bytes, unsigned depth)
{
	const struct paging_level *level = &paging_modes[t->mode].level[depth];

	for (uint64_t end = va + bytes; va < end; va += BIT(level->shift)) {
		uint64_t table = find_table(t, va, depth, NULL);
		uint64_t at = table + paging_index(level, va) * level->entry_bytes;

		if (!table || !dram_has(&t->dram, at))
			continue;
		/* It has contents, so the stores need nothing. */
		(void)put_entry(t, level, at, 0);
		if (is_arm_pair(t, depth))
			(void)put_entry(t, level, at - 2048, 0);
	}
}

uint64_t pgtable_entry(const struct pgtable *t, uint64_t va, unsigned depth)
{
	struct pgtable copy = *t;
	const struct paging_level *level = &paging_modes[t->mode].level[depth];
	uint64_t table = find_table(&copy, va, depth, NULL), entry = 0;

	if (table)
		(void)dram_load(&t->dram, table + paging_index(level, va) * level->entry_bytes,
			level->entry_bytes, &entry);
	return entry;
}
