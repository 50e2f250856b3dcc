/* SPDX-License-Identifier: MIT
 *
 * Devices behind the IOMMU, and their domains (see iommu.h).
 *
 *	x86     root table: one page, 256 entries ─> context tables: a page for 256 devices ─> the domain's tables
 *	arm64   a context bank for each domain: its registers lead to the tables
 *
 * A device gets a domain of its own: translated, and each unmapping waits for the IOTLB (strict: arm64's default) or is
 * flushed with others later (lazy: x86's); or passed through (iommu=pt), which is no protection. Devices that mkdir made get
 * it with their attribute, the board's when a driver maps something first: until then the IOMMU lets nothing through.
 *
 * On x86 the window of interrupts, 0xfee00000 - 0xfeefffff, is not translated: nothing there is memory.
 *
 * Invariant: a domain's number is used by one device; VT-d's context entry of that number leads to its root.
 *
 * Left out: groups of several devices, domains that share, user space's domains (VFIO), the kernel's objects for domains
 * and addresses (only tables cost simulated memory).
 *
 * Follows drivers/iommu/iommu.c, intel/iommu.c, arm/arm-smmu/arm-smmu.c of 6.1.
 */
#include "mm/dma/iommu.h"

#include "base/text.h"
#include "mm/page/contents.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

typedef unsigned long long ull;

enum { IOTLB_SETS = 64, IOTLB_WAYS = 4 };

#define HW_BYTES (sizeof(struct hw_iommu) + IOTLB_SETS * IOTLB_WAYS * sizeof(struct iotlb_entry))

/* IOAPIC_RANGE_START, _END */
#define MSI_FIRST 0xfee00000u
#define MSI_LAST  0xfeefffffu

enum iommu_format iommu_format(const struct machine *m)
{
	return arch_is_x86(m->arch) ? IOMMU_VTD : IOMMU_AARCH64;
}

struct hw_iommu *iommu_hw(const struct machine *m)
{
	return m->devices.iommus.hw_at ? machine_at(m, m->devices.iommus.hw_at) : NULL;
}

struct iommu_unit iommu_unit(struct machine *m, struct dram *dram)
{
	struct hw_iommu *hw = iommu_hw(m);

	*dram = machine_dram(m);
	return (struct iommu_unit){
		.hw = hw, .iotlb = (struct iotlb_entry *)(void *)(hw + 1), .dram = dram};
}

const char *iommu_domain_name(const struct iommu_domain *x)
{
	static const char *const names[] = {[IOMMU_DOMAIN_IDENTITY] = "identity",
		[IOMMU_DOMAIN_DMA] = "DMA",
		[IOMMU_DOMAIN_DMA_FQ] = "DMA-FQ"};

	return names[x->type];
}

bool iommu_is_smmu(const char *compatible)
{
	return strstr(compatible, "smmu") || !strncmp(compatible, "arm,mmu-", 8);
}

int iommu_supported(struct machine *m)
{
	if (m->devices.iommus.off)
		return refuse(&m->why, EOPNOTSUPP, "iommu=off: this kernel uses no IOMMU");
	if (arch_is_x86(m->arch) || m->arch == ARCH_ARM64)
		return 0;
	return refuse(&m->why, EOPNOTSUPP,
		"Linux 6.1 has no IOMMU behind the DMA API on this architecture: x86 (VT-d) and "
		"arm64 "
		"(SMMU) have");
}

/* ---- the unit ---- */

static int make_unit(struct machine *m)
{
	struct iommus *s = &m->devices.iommus;

	if (!s->hw_at)
		s->hw_at = heap_alloc(m, HW_BYTES);
	if (!s->hw_at)
		return -m->why.err;
	struct hw_iommu *hw = iommu_hw(m);

	hw->format = iommu_format(m);
	hw->sets = IOTLB_SETS;
	hw->ways = IOTLB_WAYS;
	return 0;
}

static uint32_t new_number(struct machine *m)
{
	struct iommus *s = &m->devices.iommus;

	for (uint32_t i = 1; i < IOMMU_MAX_DOMAINS; i++)
		if (!(s->used[i / 64] >> i % 64 & 1)) {
			s->used[i / 64] |= (uint64_t)1 << i % 64;
			s->nr_domains++;
			return i;
		}
	return 0;
}

static void drop_number(struct machine *m, uint32_t id)
{
	m->devices.iommus.used[id / 64] &= ~((uint64_t)1 << id % 64);
	m->devices.iommus.nr_domains--;
}

/* ---- VT-d's context entries ---- */

/* Where the context entry of device number @id lies; tables are made as needed. */
static int context_at(struct machine *m, unsigned cpu, uint32_t id, uint64_t *at)
{
	struct hw_iommu *hw = iommu_hw(m);
	struct dram dram = machine_dram(m);
	uint64_t pfn, root;
	int err = 0;

	if (!hw->root_pa) {
		err = iommu_alloc_table(m, cpu, &pfn);
		if (err)
			return err;
		hw->root_pa = pfn << PAGE_SHIFT;
	}
	uint64_t slot = hw->root_pa + (id >> 8) * 16;

	err = dram_load(&dram, slot, 8, &root);
	if (!err && !(root & 1)) {
		err = iommu_alloc_table(m, cpu, &pfn);
		if (err)
			return err;
		root = vtd_root_entry(pfn << PAGE_SHIFT);
		err = dram_store(&dram, slot, 8, root, &m->why);
		m->devices.iommus.nr_context_tables++;
	}
	*at = iommu_entry_pa(root) + (id & 0xff) * 16;
	return err;
}

static int set_context(struct machine *m, unsigned cpu, const struct iommu_domain *x)
{
	struct dram dram = machine_dram(m);
	bool bypass = x->type == IOMMU_DOMAIN_IDENTITY;
	uint64_t at;
	int err = context_at(m, cpu, x->id, &at);

	if (!err)
		err = dram_store(&dram, at + 8, 8, vtd_context_high(x->id), &m->why);
	if (!err)
		err = dram_store(&dram, at, 8,
			vtd_context_low(bypass ? 0 : x->root_pfn << PAGE_SHIFT, bypass), &m->why);
	return err;
}

static void clear_context(struct machine *m, uint32_t id)
{
	struct dram dram = machine_dram(m);
	uint64_t root;

	if (dram_load(&dram, iommu_hw(m)->root_pa + (id >> 8) * 16, 8, &root) || !(root & 1))
		return;
	uint64_t at = iommu_entry_pa(root) + (id & 0xff) * 16;

	/* Its table has contents since the entry was written. */
	if (dram_has(&dram, at))
		memset(dram_at(&dram, at), 0, 16);
}

/* ---- domains ---- */

static enum iommu_domain_type default_type(const struct machine *m)
{
	const struct iommus *s = &m->devices.iommus;

	return s->passthrough ? IOMMU_DOMAIN_IDENTITY
	       : s->strict    ? IOMMU_DOMAIN_DMA
			      : IOMMU_DOMAIN_DMA_FQ;
}

static int fill_domain(struct machine *m, unsigned cpu, struct iommu_domain *x)
{
	int err = 0;

	if (x->type != IOMMU_DOMAIN_IDENTITY) {
		err = iommu_alloc_table(m, cpu, &x->root_pfn);
		if (err)
			return err;
		x->nr_tables = 1;
		err = iova_init(m, &x->iova, 1);
		if (!err && iommu_format(m) == IOMMU_VTD)
			err = iova_reserve(
				m, &x->iova, MSI_FIRST >> PAGE_SHIFT, MSI_LAST >> PAGE_SHIFT);
	}
	if (!err && x->type == IOMMU_DOMAIN_DMA_FQ) {
		x->fq_at = heap_alloc(m, IOVA_FQ_ENTRIES * sizeof(struct iova_fq_entry));
		err = x->fq_at ? 0 : -m->why.err;
	}
	if (!err && iommu_format(m) == IOMMU_VTD)
		err = set_context(m, cpu, x);
	return err;
}

static void empty_domain(struct machine *m, unsigned cpu, struct iommu_domain *x)
{
	if (x->root_pfn != NO_PFN)
		iommu_free_tables(m, cpu, x);
	iova_end(m, &x->iova);
	heap_free(m, x->fq_at, IOVA_FQ_ENTRIES * sizeof(struct iova_fq_entry));
}

int iommu_attach(struct machine *m, unsigned cpu, struct device *d)
{
	int err = d->iommu_at ? 0 : make_unit(m);

	if (err || d->iommu_at)
		return err;
	uint64_t at = heap_alloc(m, sizeof(struct iommu_domain));
	if (!at)
		return -m->why.err;
	struct iommu_domain *x = machine_at(m, at);

	x->id = new_number(m);
	if (!x->id) {
		heap_free(m, at, sizeof(*x));
		return refuse(
			&m->why, ENOSPC, "the IOMMU has at most %d domains", IOMMU_MAX_DOMAINS - 1);
	}
	x->type = default_type(m);
	x->root_pfn = NO_PFN;
	x->leaf_iova = UINT64_MAX;
	err = fill_domain(m, cpu, x);
	if (err) {
		struct refusal why = m->why;

		empty_domain(m, cpu, x);
		drop_number(m, x->id);
		heap_free(m, at, sizeof(*x));
		m->why = why;
		return err;
	}
	d->iommu_at = at;
	dev_printk(m, d, "Adding to iommu group %u", x->id - 1);
	return 0;
}

void iommu_detach(struct machine *m, unsigned cpu, struct device *d)
{
	struct iommu_domain *x = iommu_domain_of(m, d);
	struct dram dram;

	if (!x)
		return;
	if (iommu_format(m) == IOMMU_VTD)
		clear_context(m, x->id);
	struct iommu_unit u = iommu_unit(m, &dram);

	hw_iotlb_flush_domain(&u, x->id);
	empty_domain(m, cpu, x);
	drop_number(m, x->id);
	heap_free(m, d->iommu_at, sizeof(*x));
	d->iommu_at = 0;
}

int iommu_set(struct machine *m, unsigned cpu, struct device *d, bool on)
{
	int err = on ? iommu_supported(m) : 0;

	if (err)
		return err;
	if (!on)
		iommu_detach(m, cpu, d);
	else
		err = iommu_attach(m, cpu, d);
	if (!err)
		d->iommu = on;
	return err;
}

/* ---- the device's side ---- */

/* Who it is on the IOMMU's bus. */
static struct iommu_stream stream_of(const struct machine *m, const struct device *d)
{
	const struct iommu_domain *x = iommu_domain_of(m, d);

	if (iommu_format(m) == IOMMU_VTD)
		return (struct iommu_stream){.stream = x ? x->id : 0};
	return (struct iommu_stream){.stream = d->iommu_stream,
		.domain = x ? x->id : 0,
		.root_pa = x && x->root_pfn != NO_PFN ? x->root_pfn << PAGE_SHIFT : 0,
		.bypass = x && x->type == IOMMU_DOMAIN_IDENTITY};
}

enum transfer_error iommu_access(struct machine *m, struct device *d, uint64_t iova, bool write,
	uint64_t *pa, uint64_t *left)
{
	struct iommu_domain *x = iommu_domain_of(m, d);
	struct iommu_fault fault;
	struct dram dram;

	if (iommu_format(m) == IOMMU_VTD && iova >= MSI_FIRST && iova <= MSI_LAST)
		return TRANSFER_ABORT;
	if (!iommu_hw(m) && make_unit(m))
		return TRANSFER_HOST;
	struct iommu_unit u = iommu_unit(m, &dram);
	const struct iommu_stream s = stream_of(m, d);

	if (hw_iommu_translate(&u, &s, iova, write, pa, left, &fault))
		return TRANSFER_OK;
	if (x)
		x->faults++;
	iommu_report(m, d, &fault);
	return TRANSFER_FAULT;
}

/* ---- the specification ---- */

static unsigned check_domain(struct machine *m, const struct device *d, struct text *out)
{
	const struct iommu_domain *x = iommu_domain_of(m, d);
	const struct iommus *s = &m->devices.iommus;
	unsigned bad = 0;

	if (!d->iommu || !(s->used[x->id / 64] >> x->id % 64 & 1)) {
		text_printf(out, "device %s: domain %u is not its own\n", d->name, x->id);
		bad++;
	}
	if (x->type == IOMMU_DOMAIN_IDENTITY)
		return bad;
	return bad + iommu_tables_check(m, x, out) + iova_check(m, &x->iova, out);
}

/* What the IOTLB knows of domains that flush at once is what the tables say. */
static unsigned check_iotlb(struct machine *m, const struct device *d, struct text *out)
{
	const struct iommu_domain *x = iommu_domain_of(m, d);
	struct dram dram;
	struct iommu_unit u = iommu_unit(m, &dram);
	unsigned bad = 0;

	for (uint32_t i = 0; i < u.hw->sets * u.hw->ways; i++) {
		const struct iotlb_entry *e = &u.iotlb[i];
		uint64_t left;
		unsigned rights;

		if (e->tag != x->id + 1 ||
			iommu_iova_to_phys(m, x, e->iova, &left, &rights) == e->pa)
			continue;
		text_printf(
			out, "device %s: the IOTLB still knows 0x%llx\n", d->name, (ull)e->iova);
		bad++;
	}
	return bad;
}

unsigned iommu_check(struct machine *m, struct text *out)
{
	const struct iommus *s = &m->devices.iommus;
	uint32_t nr = 0;
	unsigned bad = 0;

	for (const struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1)) {
		if (!d->iommu_at)
			continue;
		nr++;
		bad += check_domain(m, d, out);
		if (iommu_domain_of(m, d)->type == IOMMU_DOMAIN_DMA)
			bad += check_iotlb(m, d, out);
	}
	if (nr == s->nr_domains)
		return bad;
	text_printf(out, "iommu: %u domains are there, %u are counted\n", nr, s->nr_domains);
	return bad + 1;
}
