/* SPDX-License-Identifier: MIT
 *
 * Calls that map pages at kernel addresses: vmalloc() and its like, vmap(), ioremap().
 *
 *	v = vmalloc 64K        ──> vmalloc_node_range()  ──> 0xffffc90000000000 pages=16
 *	m = vmap p.0-9         ──> vmap()                ──> 0xffffc90000012000 pages=10
 *	vfree v
 *
 * They give addresses (VAR_ADDRESS, with their bytes), which load and store of sim/cpuN/ctl take. A refusal has the
 * kernel's verdict: NULL is ENOMEM, a warning in the log goes with EINVAL.
 *
 * Follows Documentation/core-api/mm-api.rst of 6.1 for names and arguments.
 */
#include "view/call.h"
#include "view/call_parse.h"

#include "base/parse.h"
#include "mm/page/frame.h"
#include "mm/vmalloc/vmalloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static int give(struct call *c, uint64_t addr, uint64_t bytes)
{
	const struct vm_struct *vm = find_vm_area(c->m, addr);

	text_printf(c->result, "0x%llx", (ull)addr);
	if (vm && vm->nr_pages)
		text_printf(c->result, " pages=%u", vm->nr_pages);
	if (vm && vm->page_order)
		text_printf(c->result, " order=%u", vm->page_order);
	c->made = (struct var){.kind = VAR_ADDRESS, .value = addr, .bytes = bytes};
	return 0;
}

static int make(struct call *c, struct vmalloc_request r)
{
	uint64_t addr;

	r.bytes = c->arg[0].number;
	r.caller = vmalloc_caller(c->m);
	int err = vmalloc_node_range(c->m, c->cpu, &r, &addr);

	return err ? err : give(c, addr, r.bytes);
}

int call_vmalloc(struct call *c)
{
	return make(c, (struct vmalloc_request){.gfp = GFP_KERNEL, .nid = -1});
}

int call_vzalloc(struct call *c)
{
	return make(c, (struct vmalloc_request){.gfp = GFP_KERNEL | __GFP_ZERO, .nid = -1});
}

int call_vmalloc_user(struct call *c)
{
	/* SHMLBA: where caches are told apart by addresses, all mappings of a page have the same colour. */
	return make(c, (struct vmalloc_request){.gfp = GFP_KERNEL | __GFP_ZERO,
			       .align = c->m->arch == ARCH_ARM ? 4 * PAGE_BYTES : PAGE_BYTES,
			       .vm_flags = VM_USERMAP,
			       .nid = -1});
}

int call_vmalloc_32(struct call *c)
{
	return make(c, (struct vmalloc_request){.gfp = GFP_KERNEL | __GFP_DMA32, .nid = -1});
}

int call_vmalloc_node(struct call *c)
{
	int nid = (int)(int64_t)c->arg[1].number;

	return make(c, (struct vmalloc_request){.gfp = GFP_KERNEL, .nid = nid});
}

int call_vmalloc_huge(struct call *c)
{
	return make(c,
		(struct vmalloc_request){
			.gfp = (gfp_t)c->arg[1].number, .vm_flags = VM_ALLOW_HUGE_VMAP, .nid = -1});
}

int call_vfree(struct call *c)
{
	return vfree(c->m, c->cpu, c->arg[0].number);
}

int call_vunmap(struct call *c)
{
	return vunmap(c->m, c->cpu, c->arg[0].number);
}

int call_ioremap(struct call *c)
{
	uint64_t addr;
	int err = ioremap(c->m, c->cpu, c->arg[0].number, c->arg[1].number, &addr);

	return err ? err : give(c, addr, c->arg[1].number);
}

int call_iounmap(struct call *c)
{
	return iounmap(c->m, c->cpu, c->arg[0].number);
}

int call_vm_unmap_aliases(struct call *c)
{
	uint64_t pages = c->m->vmalloc.lazy_pages;

	purge_vmap_area_lazy(c->m, c->cpu);
	text_printf(c->result, "%llu", (ull)pages);
	return 0;
}

/* ---- what is at an address ---- */

static int page_at(struct call *c, uint64_t *pfn)
{
	const struct call_value *a = &c->arg[0];

	*pfn = is_vmalloc_addr(c->m, a->number) ? vmalloc_to_pfn(c->m, a->number) : NO_PFN;
	if (*pfn != NO_PFN)
		return 0;
	return refuse_at(&c->m->why, EINVAL, a->column, (uint32_t)a->len,
		is_vmalloc_addr(c->m, a->number)
			? "nothing is mapped at 0x%llx"
			: "0x%llx is not in vmalloc's area: virt_to_page is for the direct map",
		(ull)a->number);
}

int call_vmalloc_to_page(struct call *c)
{
	uint64_t pfn;
	int err = page_at(c, &pfn);

	if (err)
		return err;
	if (!pfn_valid(c->m, pfn))
		return refuse(&c->m->why, EINVAL,
			"pfn 0x%llx is a device's: it has no struct page (vmalloc_to_pfn has the "
			"number)",
			(ull)pfn);
	give_struct_page(c, pfn);
	return 0;
}

int call_vmalloc_to_pfn(struct call *c)
{
	uint64_t pfn;
	int err = page_at(c, &pfn);

	if (err)
		return err;
	text_printf(c->result, "0x%llx", (ull)pfn);
	c->made = (struct var){.kind = VAR_NUMBER, .value = pfn};
	return 0;
}

/* ---- vmap's pages ---- */

#define VMAP_MAX_PAGES (1u << 22)

struct page_list {
	uint32_t *pfn;
	uint32_t nr, cap;
	uint32_t flags;
};

static int add(struct call *c, struct page_list *l, uint64_t pfn)
{
	if (l->nr == VMAP_MAX_PAGES)
		return refuse(&c->m->why, E2BIG, "at most %u pages in one call", VMAP_MAX_PAGES);
	if (pfn > UINT32_MAX)
		return refuse(&c->m->why, EINVAL, "pfn 0x%llx has no struct page", (ull)pfn);
	if (l->nr == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 64;
		uint32_t *more = realloc(l->pfn, cap * sizeof(*more));

		if (!more)
			return refuse(&c->m->why, ENOMEM, "the host has no memory for the call");
		l->pfn = more;
		l->cap = cap;
	}
	l->pfn[l->nr++] = (uint32_t)pfn;
	return 0;
}

/* The pages of an allocation that has a name. */
static int add_var(struct call *c, struct page_list *l, const struct word *w, const struct var *v,
	uint64_t offset)
{
	if (v->kind != VAR_PAGE)
		return refuse_at(&c->m->why, EINVAL, w->column, w->len,
			"`%.*s` is no struct page: vmap takes pages, as alloc_pages gives them",
			(int)w->len, w->s);
	if (offset)
		return add(c, l, v->value + offset);
	for (uint64_t i = 0; i < 1ULL << v->order; i++) {
		int err = add(c, l, v->value + i);

		if (err)
			return err;
	}
	return 0;
}

/* What a name of the list holds; *@v NULL: a range without end has come to the last name. */
static int page_of_name(struct call *c, const struct word *w, const struct name_ref *r, uint32_t at,
	const struct var **v)
{
	const struct vars *scope = name_scope(c->m, c->vars, r->base, r->len);
	uint32_t next = at;

	*v = name_get(c->m, c->vars, r->base, r->len, at);
	if (*v || (r->open && !var_next_index(c->m, scope, r->base, r->len, &next)))
		return 0;
	if (r->range)
		log_printf(c->m, "WARNING: mm/vmalloc.c: vmap_pages_pte_range: a page is NULL");
	return refuse_at(&c->m->why, r->range ? EINVAL : ENOENT, w->column, w->len,
		r->range ? "`%.*s.%u` holds no page" : "`%.*s` is no name that a result was given",
		(int)r->len, r->base, at);
}

static int add_names(struct call *c, struct page_list *l, const struct word *w)
{
	struct name_ref r;
	uint64_t offset = 0;
	int err = name_parse(w, &r, &c->m->why);

	if (err)
		return err;
	if (r.offset && !parse_u64(r.offset, r.offset_len, 0, &offset))
		return refuse_at(&c->m->why, EINVAL, w->column, w->len,
			"NAME+PAGES wants a number of pages");
	uint32_t at = r.range ? name_next_index(&r, r.first) : r.first;

	do {
		const struct var *v;

		err = page_of_name(c, w, &r, at, &v);
		if (err || !v)
			return err;
		err = add_var(c, l, w, v, offset);
		if (err || !r.range)
			return err;
		at = name_next_index(&r, at + 1);
	} while (at != VAR_NO_INDEX);
	return 0;
}

/* PFN or PFN-PFN. */
static int add_numbers(struct call *c, struct page_list *l, const struct word *w)
{
	const char *dash = memchr(w->s, '-', w->len);
	size_t first_len = dash ? (size_t)(dash - w->s) : w->len;
	uint64_t first, last;

	if (!parse_u64(w->s, first_len, 0, &first))
		return -EINVAL;
	last = first;
	if (dash && !parse_u64(dash + 1, w->len - first_len - 1, 0, &last))
		return -EINVAL;
	if (last < first || last - first >= VMAP_MAX_PAGES)
		return refuse_at(&c->m->why, EINVAL, w->column, w->len,
			"a range of pfns goes upwards, over at most %u pages", VMAP_MAX_PAGES);
	for (uint64_t pfn = first; pfn <= last; pfn++) {
		int err = add(c, l, pfn);

		if (err)
			return err;
	}
	return 0;
}

static int add_word(struct call *c, struct page_list *l, const struct word *w)
{
	if (parse_is(w->s, w->len, "VM_MAP"))
		return 0;
	if (parse_is(w->s, w->len, "VM_MAP_PUT_PAGES")) {
		l->flags |= VM_MAP_PUT_PAGES;
		return 0;
	}
	if (w->s[0] < '0' || w->s[0] > '9')
		return add_names(c, l, w);
	refusal_clear(&c->m->why);
	if (add_numbers(c, l, w) == 0)
		return 0;
	return c->m->why.err
		       ? -c->m->why.err
		       : refuse_at(&c->m->why, EINVAL, w->column, w->len,
				 "`%.*s` is no page: a page frame number, two with `-` between, a "
				 "NAME, or NAME.A-B",
				 (int)w->len, w->s);
}

static bool separates(char ch)
{
	return ch == ' ' || ch == '\t' || ch == ',' || ch == '(' || ch == ')' || ch == '|';
}

static int read_pages(struct call *c, struct page_list *l)
{
	const struct call_value *rest = &c->arg[0];

	for (size_t at = 0; at < rest->len;) {
		struct word w = {.s = rest->word + at, .column = rest->column + (uint32_t)at};

		while (at + w.len < rest->len && !separates(w.s[w.len]))
			w.len++;
		int err = w.len ? add_word(c, l, &w) : 0;

		if (err)
			return err;
		at += w.len + 1;
	}
	return 0;
}

int call_vmap(struct call *c)
{
	struct page_list l = {0};
	uint64_t addr = 0;
	int err = read_pages(c, &l);

	if (!err)
		err = vmap(c->m, c->cpu, l.pfn, l.nr, l.flags, &addr);
	free(l.pfn);
	return err ? err : give(c, addr, (uint64_t)l.nr << PAGE_SHIFT);
}
