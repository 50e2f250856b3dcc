/* SPDX-License-Identifier: MIT
 *
 * The IOMMU's walk and its IOTLB (see iommu.h).
 *
 *	1. who is it: context entry, or the bank of the stream; passed through when that says so
 *	2. IOTLB: the set of each size of page that a leaf can have; a hit with the rights ends here
 *	3. walk from the root; a leaf goes into the IOTLB, whatever the access then is refused for
 *
 * An entry of the IOTLB without the right is a fault at once, as on VT-d: whoever widens rights must flush.
 *
 * Invariant: at most one entry of the IOTLB has the same domain, size and address.
 */
#include "hw/iommu.h"

/* ---- entries ---- */

enum {
	VTD_READ = 1 << 0,
	VTD_WRITE = 1 << 1,
	VTD_LARGE = 1 << 7,
	VTD_SNOOP = 1 << 11,
	ARM_VALID = 1 << 0,
	ARM_TABLE = 1 << 1, /* at the last level: a page */
	ARM_ATTR_SHIFT = 2, /* index into MAIR: 0 non-cacheable, 1 cacheable, 2 device */
	ARM_AP_UNPRIVILEGED = 1 << 6,
	ARM_AP_READONLY = 1 << 7,
	ARM_SH_OUTER = 2 << 8,
	ARM_SH_INNER = 3 << 8,
	ARM_ACCESSED = 1 << 10,
	ARM_NOT_GLOBAL = 1 << 11,
};

bool iommu_entry_present(enum iommu_format f, uint64_t entry)
{
	return f == IOMMU_VTD ? entry & (VTD_READ | VTD_WRITE) : entry & ARM_VALID;
}

bool iommu_entry_is_leaf(enum iommu_format f, uint64_t entry, unsigned level)
{
	if (level == IOMMU_LEVELS - 1)
		return true;
	return f == IOMMU_VTD ? entry & VTD_LARGE : !(entry & ARM_TABLE);
}

unsigned iommu_entry_rights(enum iommu_format f, uint64_t entry)
{
	if (f == IOMMU_VTD)
		return (entry & VTD_READ ? IOMMU_READ : 0) | (entry & VTD_WRITE ? IOMMU_WRITE : 0);
	return IOMMU_READ | (entry & ARM_AP_READONLY ? 0 : IOMMU_WRITE);
}

uint64_t iommu_make_table(enum iommu_format f, uint64_t pa)
{
	return pa | (f == IOMMU_VTD ? VTD_READ | VTD_WRITE : ARM_VALID | ARM_TABLE);
}

static uint64_t arm_leaf(unsigned level, unsigned rights)
{
	uint64_t entry = ARM_VALID | ARM_ACCESSED | ARM_NOT_GLOBAL | ARM_AP_UNPRIVILEGED;

	if (level == IOMMU_LEVELS - 1)
		entry |= ARM_TABLE;
	/* Stage 1 knows no page that can be written and not read. */
	if (!(rights & IOMMU_WRITE))
		entry |= ARM_AP_READONLY;
	if (rights & IOMMU_MMIO)
		entry |= 2 << ARM_ATTR_SHIFT;
	else if (rights & IOMMU_CACHE)
		entry |= 1 << ARM_ATTR_SHIFT;
	return entry | (rights & IOMMU_CACHE ? ARM_SH_INNER : ARM_SH_OUTER);
}

uint64_t iommu_make_leaf(enum iommu_format f, uint64_t pa, unsigned level, unsigned rights)
{
	if (f == IOMMU_AARCH64)
		return pa | arm_leaf(level, rights);
	return pa | (rights & IOMMU_READ ? VTD_READ : 0) | (rights & IOMMU_WRITE ? VTD_WRITE : 0) |
	       (level < IOMMU_LEVELS - 1 ? VTD_LARGE : 0);
}

/* ---- IOTLB ---- */

static struct iotlb_entry *set_of(const struct iommu_unit *u, uint64_t iova, unsigned shift)
{
	return u->iotlb + ((iova >> shift) & (u->hw->sets - 1)) * u->hw->ways;
}

/* The sizes of leaves, the most common first. */
static const uint8_t leaf_shift[] = {12, 21, 30};

static struct iotlb_entry *lookup(const struct iommu_unit *u, uint32_t domain, uint64_t iova)
{
	for (unsigned i = 0; i < sizeof(leaf_shift); i++) {
		unsigned shift = leaf_shift[i];
		struct iotlb_entry *e = set_of(u, iova, shift);

		for (unsigned way = 0; way < u->hw->ways; way++, e++)
			if (e->tag == domain + 1 && e->shift == shift &&
				e->iova >> shift == iova >> shift)
				return e;
	}
	return NULL;
}

/* In the place of an empty one, else of the one that was not used for longest. */
static struct iotlb_entry *fill(const struct iommu_unit *u, uint32_t domain, uint64_t iova,
	uint64_t pa, unsigned shift, unsigned rights)
{
	struct iotlb_entry *e = set_of(u, iova, shift), *place = e;

	for (unsigned way = 0; way < u->hw->ways; way++, e++) {
		if (!e->tag) {
			place = e;
			break;
		}
		if (e->used < place->used)
			place = e;
	}
	*place = (struct iotlb_entry){.iova = iova >> shift << shift,
		.pa = pa,
		.tag = domain + 1,
		.shift = (uint8_t)shift,
		.rights = (uint8_t)rights};
	return place;
}

static void drop(const struct iommu_unit *u, struct iotlb_entry *e)
{
	e->tag = 0;
	u->hw->flushed++;
}

void hw_iotlb_flush_domain(const struct iommu_unit *u, uint32_t domain)
{
	u->hw->flushes_domain++;
	for (uint32_t i = 0; i < u->hw->sets * u->hw->ways; i++)
		if (u->iotlb[i].tag == domain + 1)
			drop(u, &u->iotlb[i]);
}

static bool overlaps(const struct iotlb_entry *e, uint32_t domain, uint64_t iova, uint64_t bytes)
{
	return e->tag == domain + 1 && e->iova < iova + bytes &&
	       iova < e->iova + ((uint64_t)1 << e->shift);
}

void hw_iotlb_flush_range(
	const struct iommu_unit *u, uint32_t domain, uint64_t iova, uint64_t bytes)
{
	uint64_t pages = (bytes + 4095) >> IOMMU_PAGE_SHIFT;

	u->hw->flushes_page++;
	if (pages > 8) {
		for (uint32_t i = 0; i < u->hw->sets * u->hw->ways; i++)
			if (overlaps(&u->iotlb[i], domain, iova, bytes))
				drop(u, &u->iotlb[i]);
		return;
	}
	for (uint64_t page = 0; page < pages; page++) {
		struct iotlb_entry *e;

		while ((e = lookup(u, domain, iova + (page << IOMMU_PAGE_SHIFT))))
			drop(u, e);
	}
}

/* ---- walk ---- */

static bool load(const struct iommu_unit *u, uint64_t pa, uint64_t *value)
{
	u->hw->walk_loads++;
	return !dram_load(u->dram, pa, 8, value);
}

static bool fail(const struct iommu_unit *u, struct iommu_fault *fault, enum iommu_fault_kind kind,
	unsigned level)
{
	fault->kind = (uint8_t)kind;
	fault->level = (uint8_t)level;
	u->hw->faults++;
	return false;
}

/* VT-d: root entry, context entry. */
static bool find_context(
	const struct iommu_unit *u, struct iommu_stream *s, struct iommu_fault *fault)
{
	uint64_t root, low, high;

	if (!u->hw->root_pa || !load(u, u->hw->root_pa + (s->stream >> 8 & 0xff) * 16, &root) ||
		!(root & 1))
		return fail(u, fault, IOMMU_FAULT_ROOT, 0);
	uint64_t at = iommu_entry_pa(root) + (s->stream & 0xff) * 16;

	if (!load(u, at, &low) || !load(u, at + 8, &high) || !(low & 1))
		return fail(u, fault, IOMMU_FAULT_CONTEXT, 0);
	s->bypass = (low >> 2 & 3) == 2;
	s->root_pa = iommu_entry_pa(low);
	s->domain = (uint32_t)(high >> 8 & 0xffff);
	return true;
}

static struct iotlb_entry *walk(const struct iommu_unit *u, const struct iommu_stream *s,
	uint64_t iova, struct iommu_fault *fault)
{
	enum iommu_format f = (enum iommu_format)u->hw->format;
	unsigned rights = IOMMU_READ | IOMMU_WRITE;
	uint64_t table = s->root_pa;

	for (unsigned level = 0; level < IOMMU_LEVELS; level++) {
		uint64_t entry;

		if (!load(u, table + iommu_index(iova, level) * 8, &entry)) {
			fail(u, fault, IOMMU_FAULT_TABLE, level);
			return NULL;
		}
		if (!iommu_entry_present(f, entry)) {
			fail(u, fault, IOMMU_FAULT_NOT_MAPPED, level);
			return NULL;
		}
		if (f == IOMMU_VTD)
			rights &= iommu_entry_rights(f, entry);
		fault->level = (uint8_t)level;
		if (iommu_entry_is_leaf(f, entry, level))
			return fill(u, s->domain, iova, iommu_entry_pa(entry),
				iommu_level_shift(level),
				f == IOMMU_VTD ? rights : iommu_entry_rights(f, entry));
		table = iommu_entry_pa(entry);
	}
	return NULL;
}

bool hw_iommu_translate(const struct iommu_unit *u, const struct iommu_stream *stream,
	uint64_t iova, bool write, uint64_t *pa, uint64_t *left, struct iommu_fault *fault)
{
	struct iommu_stream s = *stream;

	*fault = (struct iommu_fault){.iova = iova, .stream = s.stream, .write = write};
	u->hw->time++;
	if (u->hw->format == IOMMU_VTD && !find_context(u, &s, fault))
		return false;
	if (s.bypass) {
		*pa = iova;
		*left = UINT64_MAX - iova;
		return true;
	}
	if (!s.root_pa)
		return fail(u, fault, IOMMU_FAULT_CONTEXT, 0);
	if (iova >> IOMMU_ADDRESS_BITS)
		return fail(u, fault, IOMMU_FAULT_RANGE, 0);
	struct iotlb_entry *e = lookup(u, s.domain, iova);

	if (e) {
		u->hw->hits++;
		fault->level = (uint8_t)(IOMMU_LEVELS - 1 - (e->shift - 12u) / IOMMU_LEVEL_BITS);
	} else {
		u->hw->misses++;
		e = walk(u, &s, iova, fault);
	}
	if (!e)
		return false;
	e->used = u->hw->time;
	if (!(e->rights & (write ? IOMMU_WRITE : IOMMU_READ)))
		return fail(u, fault, IOMMU_FAULT_RIGHTS, fault->level);
	*pa = e->pa + (iova - e->iova);
	*left = ((uint64_t)1 << e->shift) - (iova - e->iova);
	return true;
}
