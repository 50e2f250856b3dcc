/* SPDX-License-Identifier: MIT
 *
 * Conversions between kinds of addresses, as calls: virt_to_phys, __pa, phys_to_virt, __va, virt_to_page, page_address,
 * pfn_to_page, page_to_pfn, pfn_valid, page_to_phys, page_to_nid, page_zone.
 *
 *	virtual    --virt_to_phys-->  physical  -->> 12-->  pfn  --pfn_to_page-->  struct page
 *	           <--phys_to_virt--            <--<< 12--       <--page_to_pfn--
 *
 * In Linux they are macros that compute and never fail. So a wrong use, which there gives a number that looks like an
 * address, is refused here with that number, what lies there, and the call that is right. What is right and what the
 * macro computes are asked of mm/process/address_kind.h; this file finds words.
 *
 * A physical address and a pfn are numbers, a struct page is a VAR_PAGE and shown by its address in mem_map.
 * Follows Documentation/core-api/mm-api.rst and Documentation/mm/memory-model.rst of 6.1 for names and meaning.
 */
#include "view/call.h"

#include "mm/kernel/highmem.h"
#include "mm/page/address.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "mm/process/address_kind.h"

#include <errno.h>

typedef unsigned long long ull;

static int refuse_arg(struct call *c, struct text *sentence)
{
	const struct call_value *a = &c->arg[0];
	int err = refuse_at(
		&c->m->why, EINVAL, a->column, (uint32_t)a->len, "%s", text_str(sentence));

	text_finish(sentence);
	return err;
}

static void put_hex(struct text *out, uint64_t value)
{
	text_puts(out, "0x");
	text_hex(out, value, 0);
}

static void put_zone_of(const struct machine *m, uint64_t pfn, struct text *out)
{
	const struct zone *z = page_zone(m, pfn);

	text_printf(out, " zone=%s node=%u", zone_name(z->type), z->nid);
}

/* " but PCI Bus 0000:00": the resource in iomem, when there is one. */
static void put_resource(const struct machine *m, uint64_t pa, struct text *out)
{
	size_t before = out->len;

	text_puts(out, " but ");
	size_t named = out->len;
	resource_name(m, pa, out);
	if (out->len == named)
		out->len = before;
}

static void put_what_lies_at(const struct machine *m, uint64_t pa, struct text *out)
{
	const struct zone *z = pfn_zone(m, pa >> PAGE_SHIFT);

	if (pfn_present(m, pa >> PAGE_SHIFT)) {
		text_printf(out, ", where a page of zone %s is that has nothing to do with it",
			z ? zone_name(z->type) : "none");
		return;
	}
	text_puts(out, ", where there is no RAM");
	put_resource(m, pa, out);
}

/* What to do instead with an address of that kind. */
static const char *instead_of_pa(enum address_kind kind)
{
	switch (kind) {
	case ADDRESS_USER:
		return "a user address has a page only by the tables of its process: PID/walk/ADDR "
		       "shows it, "
		       "get_user_pages() finds it";
	case ADDRESS_VMALLOC:
	case ADDRESS_MODULES:
		return "pages of this area lie anywhere, and only the page tables know: "
		       "vmalloc_to_page(), "
		       "sim/walk/ADDR";
	case ADDRESS_PKMAP:
		return "a window shows what kmap() put there: page_to_phys() of that page";
	case ADDRESS_VMEMMAP:
		return "this is where struct pages are seen: page_to_phys of the struct page gives "
		       "its page's address";
	case ADDRESS_LOGICAL:
		return "there is a hole in RAM";
	case ADDRESS_NOTHING:
	case ADDRESS_IMPOSSIBLE:
		return "nothing is mapped there, so there is nothing to convert";
	default:
		return "only the page tables know what is there: sim/walk/ADDR";
	}
}

static int refuse_pa(struct call *c, const char *computes, uint64_t garbage_pa)
{
	uint64_t va = c->arg[0].number;
	enum address_kind kind = address_kind(c->m, va);
	struct text s;

	text_init(&s);
	put_hex(&s, va);
	text_printf(&s, " is %s. %s is for the direct map and %s ", address_kind_words(kind),
		c->row->name, computes);
	put_hex(&s, garbage_pa);
	put_what_lies_at(c->m, garbage_pa, &s);
	text_printf(&s, "; %s", instead_of_pa(kind));
	return refuse_arg(c, &s);
}

static void make_number(struct call *c, uint64_t value)
{
	put_hex(c->result, value);
	c->made = (struct var){.kind = VAR_NUMBER, .value = value};
}

int call_virt_to_phys(struct call *c)
{
	uint64_t va = c->arg[0].number, pa = linux_pa(c->m, va);

	if (!linux_pa_valid(c->m, va))
		return refuse_pa(c, "would compute", pa);
	make_number(c, pa);
	text_puts(c->result, " pfn=");
	put_hex(c->result, pa >> PAGE_SHIFT);
	text_printf(c->result, " kind=%s offset=", address_kind_name(address_kind(c->m, va)));
	put_hex(c->result, va - pa);
	put_zone_of(c->m, pa >> PAGE_SHIFT, c->result);
	return 0;
}

/* Why @pa has no logical address. */
static int refuse_va(struct call *c, uint64_t pa, uint64_t garbage_va)
{
	enum address_kind kind = address_kind(c->m, garbage_va);
	uint64_t pfn = pa >> PAGE_SHIFT;
	struct text s;

	text_init(&s);
	put_hex(&s, pa);
	if (c->arg[0].named && c->arg[0].var.kind == VAR_ADDRESS) {
		text_printf(&s, " is a virtual address already; virt_to_phys is the other way");
		return refuse_arg(c, &s);
	}
	if (pfn_present(c->m, pfn))
		text_puts(&s, " is high memory, which has no address of its own in the kernel");
	else
		text_puts(&s, " is not RAM");
	if (!pfn_present(c->m, pfn))
		put_resource(c->m, pa, &s);
	text_printf(&s, ". %s would compute ", c->row->name);
	put_hex(&s, garbage_va);
	text_printf(&s, ", which is %s; %s", address_kind_words(kind),
		pfn_present(c->m, pfn) ? "kmap() gives its page an address for a while"
				       : "device registers get one by ioremap()");
	return refuse_arg(c, &s);
}

int call_phys_to_virt(struct call *c)
{
	uint64_t pa = c->arg[0].number, va = linux_va(c->m, pa);

	if (!linux_va_valid(c->m, pa))
		return refuse_va(c, pa, va);
	put_hex(c->result, va);
	text_puts(c->result, " pfn=");
	put_hex(c->result, pa >> PAGE_SHIFT);
	text_puts(c->result, " offset=");
	put_hex(c->result, va - pa);
	put_zone_of(c->m, pa >> PAGE_SHIFT, c->result);
	c->made = (struct var){.kind = VAR_ADDRESS, .value = va};
	return 0;
}

/* ---- struct pages ---- */

void give_struct_page(struct call *c, uint64_t pfn)
{
	uint64_t address = pfn_to_page(c->m, pfn);

	put_hex(c->result, address ? address : pfn);
	text_puts(c->result, " pfn=");
	put_hex(c->result, pfn);
	put_zone_of(c->m, pfn, c->result);
	text_printf(c->result, " model=%s", mem_model_name(mem_model(c->m)));
	c->made = (struct var){.kind = VAR_PAGE, .value = pfn};
}

int call_virt_to_page(struct call *c)
{
	uint64_t va = c->arg[0].number, pfn = linux_virt_to_pfn(c->m, va);
	bool right = linux_pa_valid(c->m, va) && pfn == linux_pa(c->m, va) >> PAGE_SHIFT;
	struct text s;

	if (right && pfn_valid(c->m, pfn)) {
		give_struct_page(c, pfn);
		return 0;
	}
	if (!linux_pa_valid(c->m, va))
		return refuse_pa(c, "would take the struct page of", pfn << PAGE_SHIFT);
	text_init(&s);
	put_hex(&s, va);
	text_printf(&s,
		" is in the kernel's image. virt_to_page counts from the begin of the direct map "
		"and "
		"would take the struct page of pfn 0x%llx, which there is not; right is "
		"virt_to_page(lm_alias()): virt_to_page 0x%llx",
		(ull)pfn, (ull)linux_va(c->m, linux_pa(c->m, va)));
	return refuse_arg(c, &s);
}

int call_page_to_pfn(struct call *c)
{
	uint64_t pfn = c->arg[0].number, address = pfn_to_page(c->m, pfn);

	make_number(c, pfn);
	if (address) {
		text_puts(c->result, " struct_page=");
		put_hex(c->result, address);
	}
	put_zone_of(c->m, pfn, c->result);
	return 0;
}

/* What the memory model does with a pfn that has no struct page. */
static int refuse_pfn(struct call *c, uint64_t pfn)
{
	uint64_t garbage = pfn_to_page_unchecked(c->m, pfn);
	struct text s;

	text_init(&s);
	text_printf(&s, "pfn 0x%llx has no struct page (pfn_valid is 0). %s would ", (ull)pfn,
		mem_model_name(mem_model(c->m)));
	if (mem_model(c->m) == MEM_MODEL_SPARSE_VMEMMAP) {
		text_puts(&s, "compute ");
		put_hex(&s, garbage);
		text_puts(&s, ", where nothing is mapped");
	} else if (garbage) {
		bool hole = pfn >= c->m->base_pfn && pfn < c->m->end_pfn;

		text_puts(&s, "compute ");
		put_hex(&s, garbage);
		text_puts(&s, hole ? ", in the part of mem_map that was given back, since it "
				     "describes a hole only"
				   : ", which is outside of mem_map");
	} else {
		text_puts(&s, mem_model(c->m) == MEM_MODEL_SPARSE
				      ? "look into a section that is absent, and oops"
				      : "ask for the node of a page of no node, and oops");
	}
	text_puts(&s, "; sim/mem_map lists the struct pages that there are");
	return refuse_arg(c, &s);
}

int call_pfn_to_page(struct call *c)
{
	uint64_t pfn = c->arg[0].number;

	if (!pfn_valid(c->m, pfn))
		return refuse_pfn(c, pfn);
	give_struct_page(c, pfn);
	return 0;
}

int call_pfn_valid(struct call *c)
{
	uint64_t pfn = c->arg[0].number;
	bool valid = pfn_valid(c->m, pfn);

	text_printf(c->result, "%d model=%s there=%s", valid, mem_model_name(mem_model(c->m)),
		pfn >= c->m->end_pfn	 ? "beyond_RAM"
		: pfn < c->m->base_pfn	 ? "below_RAM"
		: pfn_present(c->m, pfn) ? "RAM"
					 : "hole");
	c->made = (struct var){.kind = VAR_NUMBER, .value = valid};
	return 0;
}

int call_page_address(struct call *c)
{
	uint64_t pfn = c->arg[0].number, address = highmem_page_address(c->m, pfn);

	if (address)
		put_hex(c->result, address);
	else
		text_puts(c->result, "NULL");
	text_puts(c->result, " pfn=");
	put_hex(c->result, pfn);
	put_zone_of(c->m, pfn, c->result);
	c->made = (struct var){.kind = VAR_ADDRESS, .value = address};
	return 0;
}

int call_page_to_phys(struct call *c)
{
	make_number(c, c->arg[0].number << PAGE_SHIFT);
	put_zone_of(c->m, c->arg[0].number, c->result);
	return 0;
}

int call_page_to_nid(struct call *c)
{
	const struct zone *z = page_zone(c->m, c->arg[0].number);

	text_printf(c->result, "%u", z->nid);
	c->made = (struct var){.kind = VAR_NUMBER, .value = z->nid};
	return 0;
}

int call_page_zone(struct call *c)
{
	const struct zone *z = page_zone(c->m, c->arg[0].number);

	text_printf(c->result, "%s node=%u start_pfn=0x%llx spanned=%llu", zone_name(z->type),
		z->nid, (ull)z->start_pfn, (ull)z->spanned_pages);
	return 0;
}
