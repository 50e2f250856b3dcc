/* SPDX-License-Identifier: MIT
 *
 * The IOMMU in files: a device's attribute `iommu`, what its addresses lead to, the unit and its IOTLB.
 *
 *	sim/devices/NAME/iommu   0, or 1 and the domain's number, type, tables and faults
 *	sim/devices/NAME/iova    runs of addresses as the tables in DRAM have them: 0xfffff000 4096 rw phys=0x1f408000
 *	sim/iommu                format, registers, how often the IOTLB knew, the entries that it has
 *	sys/kernel/iommu_groups  groups by number: a domain's number less one
 */
#include "view/device.h"

#include "base/parse.h"
#include "mm/dma/iommu.h"
#include "mm/page/contents.h"
#include "view/call.h"
#include "view/files.h"

#include <errno.h>
#include <stdio.h>

typedef unsigned long long ull;

int show_device_iommu(struct view *v, struct text *out)
{
	const struct device *d = view_device(v);
	const struct iommu_domain *x = iommu_domain_of(v->m, d);

	text_printf(out, "%u", d->iommu);
	if (x)
		text_printf(out, " domain=%u type=%s tables=%llu pages=%llu waiting=%u faults=%llu",
			x->id, iommu_domain_name(x), (ull)x->nr_tables, (ull)x->mapped_pages,
			x->fq_nr, (ull)x->faults);
	text_putc(out, '\n');
	return 0;
}

int64_t store_device_iommu(struct view *v, const char *data, size_t len)
{
	struct device *d = view_device(v);
	uint64_t on;
	int err = device_number(v, data, len, 0, 1, &on);

	if (!err && !d->made)
		err = refuse(
			&v->m->why, EPERM, "%s is part of the board: this is what it is", d->name);
	if (!err && (d->nr_mappings || d->busy))
		err = refuse(&v->m->why, EBUSY, "%s has %u live mappings%s: unmap them first",
			d->name, d->nr_mappings, d->busy ? " and moves bytes" : "");
	if (!err)
		err = iommu_set(v->m, 0, d, on != 0);
	return err ? err : (int64_t)len;
}

static const char *rights_name(unsigned rights)
{
	static const char *const names[] = {"--", "r-", "-w", "rw"};

	return names[rights & (IOMMU_READ | IOMMU_WRITE)];
}

int show_device_iova(struct view *v, struct text *out)
{
	enum { MOST_LINES = 20000 };
	const struct device *d = view_device(v);
	const struct iommu_domain *x = iommu_domain_of(v->m, d);
	uint64_t at = 0, pa, bytes;
	unsigned rights, lines = 0;

	if (!iommu_translates(v->m, d))
		return 0;
	for (uint64_t from = 0; iommu_next_mapping(v->m, x, from, &at, &pa, &bytes, &rights);
		from = at + bytes) {
		if (lines++ == MOST_LINES) {
			text_puts(out, "# and more\n");
			break;
		}
		text_printf(out, "0x%llx %llu %s phys=0x%llx\n", (ull)at, (ull)bytes,
			rights_name(rights), (ull)pa);
	}
	return 0;
}

int show_sim_iommu(struct view *v, struct text *out)
{
	struct machine *m = v->m;
	const struct iommus *s = &m->devices.iommus;
	struct dram dram;
	const struct hw_iommu *hw = iommu_hw(m);

	text_printf(out, "format %s\npolicy %s\ndomains %u\n",
		iommu_format(m) == IOMMU_VTD ? "vt-d-second-level" : "aarch64-stage-1",
		s->off		 ? "off"
		: s->passthrough ? "passthrough"
		: s->strict	 ? "strict"
				 : "lazy",
		s->nr_domains);
	if (!hw)
		return 0;
	struct iommu_unit u = iommu_unit(m, &dram);

	if (hw->format == IOMMU_VTD)
		text_printf(out, "root_table 0x%llx\ncontext_tables %llu\n", (ull)hw->root_pa,
			(ull)s->nr_context_tables);
	text_printf(out,
		"iotlb_hits %llu\niotlb_misses %llu\nwalk_loads %llu\nfaults %llu\n"
		"flushes_of_pages %llu\nflushes_of_domains %llu\nentries_flushed %llu\n",
		(ull)hw->hits, (ull)hw->misses, (ull)hw->walk_loads, (ull)hw->faults,
		(ull)hw->flushes_page, (ull)hw->flushes_domain, (ull)hw->flushed);
	for (uint32_t i = 0; i < hw->sets * hw->ways; i++) {
		const struct iotlb_entry *e = &u.iotlb[i];

		if (e->tag)
			text_printf(out, "iotlb domain=%u 0x%llx %llu %s phys=0x%llx\n", e->tag - 1,
				(ull)e->iova, (ull)1 << e->shift, rights_name(e->rights),
				(ull)e->pa);
	}
	return 0;
}

/* ---- groups ---- */

static const struct device *device_of_group(const struct machine *m, uint64_t group)
{
	for (const struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1))
		if (d->iommu_at && iommu_domain_of(m, d)->id - 1 == group)
			return d;
	return NULL;
}

static int group_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	return parse_plain(name, len, value) && device_of_group(v->m, *value) ? 0 : -ENOENT;
}

static bool group_list(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct iommus *s = &v->m->devices.iommus;

	for (; *key + 1 < IOMMU_MAX_DOMAINS; ++*key)
		if (s->used[(*key + 1) / 64] >> (*key + 1) % 64 & 1) {
			arg_print_number(v, *key, name, cap);
			return true;
		}
	return false;
}

const struct arg_ops arg_iommu_group = {
	.parse = group_parse, .next = group_list, .print = arg_print_number};

int show_iommu_group_type(struct view *v, struct text *out)
{
	const struct device *d = device_of_group(v->m, v->arg[0]);

	if (d)
		text_printf(out, "%s\n", iommu_domain_name(iommu_domain_of(v->m, d)));
	return 0;
}

/* Only x86 has a window that is not translated; SMMU's interrupts go where software maps them. */
int show_iommu_group_reserved(struct view *v, struct text *out)
{
	if (iommu_format(v->m) == IOMMU_VTD)
		text_puts(out, "0x00000000fee00000 0x00000000feefffff msi\n");
	else
		text_puts(out, "0x0000000008000000 0x00000000080fffff msi\n");
	return 0;
}

/* ---- what a scatterlist may look like ---- */

int call_dma_set_max_seg_size(struct call *c)
{
	uint64_t bytes = c->arg[0].number;

	if (!bytes || bytes > UINT32_MAX)
		return refuse(&c->m->why, EINVAL, "a segment has 1 to 4294967295 bytes");
	view_device(c->v)->max_segment_size = (uint32_t)bytes;
	return 0;
}

int call_dma_set_seg_boundary(struct call *c)
{
	uint64_t mask = c->arg[0].number;

	if (mask & (mask + 1) || mask < PAGE_BYTES - 1)
		return refuse(&c->m->why, EINVAL, "a boundary's mask is 2^n - 1, at least 0xfff");
	view_device(c->v)->segment_boundary_mask = mask;
	return 0;
}
