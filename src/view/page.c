/* SPDX-License-Identifier: MIT
 *
 * sim/page/PFN and sim/page/NAME: one struct page, in words.
 *
 * PFN is spelled 0x1f400, in lower case without leading zeroes, and nothing else, so that a page has one path. NAME
 * is a name that a ctl file gave to a page or to its address, NAME+N the N-th page behind it. Every page frame
 * number can be asked for; the directory lists the first page of each zone and the names.
 *
 * What a page is comes from frame_peek(), which answers for memory never used, too; asking changes nothing. What this
 * file adds is the search for whoever has the page: the CPU whose list it is on, the name, the recording.
 */
#include "view/files.h"

#include "base/parse.h"
#include "mm/move/migrate.h"
#include "mm/page/address.h"
#include "mm/page/extent.h"
#include "mm/page/frame.h"
#include "mm/page/zone.h"
#include "replay/replay.h"
#include "view/page_users.h"
#include "view/vm_area_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define USERS_MOST    100 /* lines of who maps the page */
#define PAGE_PFN_BITS 52  /* of any architecture's physical addresses, less PAGE_SHIFT, with room */

typedef unsigned long long ull;

static void key(struct text *out, const char *name)
{
	text_puts(out, name);
	text_fill(out, ' ', strlen(name) < 15 ? 15 - strlen(name) : 1);
}

/* ---- where it is ---- */

/* The CPU on whose list the block at @head_pfn is; m->nr_cpus when on none. */
static unsigned cpu_with(const struct machine *m, const struct zone *z, uint64_t head_pfn)
{
	for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct pcp *pcp = zone_pcp(m, z, cpu);

		for (unsigned i = 0; i < PCP_MAX_LISTS; i++)
			for (uint32_t at = pcp->list[i].head; at; at = frame_of(m, at - 1)->next)
				if (at - 1 == head_pfn)
					return cpu;
	}
	return m->nr_cpus;
}

static void put_place_in_block(struct text *out, uint64_t pfn, uint64_t head_pfn, unsigned order)
{
	if (order)
		text_printf(out, ", page %llu of the %llu of the block at 0x%llx",
			(ull)(pfn - head_pfn), 1ULL << order, (ull)head_pfn);
}

static void put_free(const struct machine *m, const struct zone *z, const struct frame *f,
	uint64_t pfn, uint64_t head_pfn, struct text *out)
{
	if (f->flags & FRAME_BUDDY) {
		text_printf(out, "free, in the buddy list of order %u, %s, zone %s",
			(unsigned)f->order, migratetype_name((enum migratetype)f->index),
			z ? zone_name(z->type) : "?");
	} else {
		unsigned cpu = z ? cpu_with(m, z, head_pfn) : m->nr_cpus;

		text_printf(out,
			"free, on CPU %u's list of order %u, %s, zone %s (in no free count, does "
			"not merge)",
			cpu, (unsigned)f->order, migratetype_name((enum migratetype)f->index),
			z ? zone_name(z->type) : "?");
	}
	put_place_in_block(out, pfn, head_pfn, (unsigned)f->order);
}

static void put_state(const struct machine *m, const struct zone *z, const struct frame *f,
	uint64_t pfn, uint64_t head_pfn, struct text *out)
{
	const struct extent *e = z ? extent_find(z, m->nr_orders - 1, pfn) : NULL;

	if (e) {
		text_printf(out,
			"free, never used: part of an untouched extent of %llu blocks of order %u "
			"at 0x%llx, %s",
			(ull)e->nr_blocks, m->nr_orders - 1, (ull)e->start_pfn,
			migratetype_name((enum migratetype)e->migratetype));
	} else if (f->flags & FRAME_HOLE) {
		text_puts(out, "a hole: a struct page with no RAM behind it");
	} else if (f->flags & FRAME_RESERVED) {
		text_puts(out, "reserved since boot: the page allocator never had it");
	} else if (f->flags & (FRAME_BUDDY | FRAME_PCP)) {
		put_free(m, z, f, pfn, head_pfn, out);
	} else {
		text_puts(out,
			f->flags & FRAME_CMA_INUSE ? "in use, given out by cma_alloc" : "in use");
		put_place_in_block(out, pfn, head_pfn, (unsigned)f->order);
	}
}

/* Inside a block frame_peek() gives no reference and the block's first page. */
static uint64_t head_of(const struct frame *f, uint64_t pfn)
{
	return !f->refcount && f->mapping ? (uint64_t)f->mapping - 1 : pfn;
}

void put_page_state(const struct machine *m, uint64_t pfn, const struct frame *f, struct text *out)
{
	put_state(m, pfn_zone(m, pfn), f, pfn, head_of(f, pfn), out);
}

/* Two bits mean something else on a file's page that is not being written. */
static const char *flag_word(const struct frame *f, unsigned bit)
{
	bool file = f->mapping && !(f->flags & (FRAME_ANON | FRAME_TAIL));

	if (file && bit == FRAME_BIT_ANON_EXCLUSIVE)
		return "mappedtodisk";
	if (file && bit == FRAME_BIT_RECLAIM && !(f->flags & (FRAME_DIRTY | FRAME_WRITEBACK)))
		return "readahead";
	return frame_flag_rows[bit].word;
}

void put_page_flags(const struct frame *f, struct text *out)
{
	const char *blank = "";

	for (unsigned i = 0; i < NR_FRAME_FLAGS; i++) {
		if (!(f->flags >> i & 1))
			continue;
		text_printf(out, "%s%s", blank, flag_word(f, i));
		blank = " ";
	}
	if (!f->flags)
		text_putc(out, '-');
}

/* ---- who has it ---- */

/* The recorded pfn for which the recording holds the page; NO_PFN when it does not. */
static uint64_t recorded_pfn_of(const struct machine *m, uint64_t pfn)
{
	if (!m->replayed.nr_used)
		return NO_PFN;
	const struct pfn_slot *slots = machine_at(m, m->replayed.slots_at);
	for (uint64_t i = 0; i < m->replayed.nr_slots; i++)
		if (slots[i].key && slots[i].state == PFN_LIVE &&
			pfn - slots[i].pfn < (uint64_t)1 << slots[i].order)
			return pfn_slot_recorded(&slots[i]) + (pfn - slots[i].pfn);
	return NO_PFN;
}

static void put_owner(struct machine *m, uint64_t pfn, const struct frame *f, struct text *out)
{
	char name[VAR_NAME_MAX + 12];
	uint64_t recorded_pfn = recorded_pfn_of(m, pfn);
	const char *kind = page_owner_kind(m, pfn, f);

	/* A name may have come from vmalloc_to_page(), and own nothing. */
	if (put_vm_owner(m, pfn, out))
		return;
	if (var_of_page(m, &m->vars, pfn, highmem_page_address(m, pfn), name))
		text_printf(out, "name %s", name);
	else if (recorded_pfn != NO_PFN)
		text_printf(out, "the recording, as pfn 0x%llx", (ull)recorded_pfn);
	else
		text_puts(out, kind ? kind : "no name");
}

/* Can it leave its place (migrate.h)? */
static void put_movable(struct machine *m, uint64_t pfn, struct text *out)
{
	enum page_movable answer = page_movable_reason(m, pfn, NULL);

	text_puts(out, answer == PAGE_MOVABLE ? "yes: " : "no: ");
	page_movable_reason(m, pfn, out);
	text_putc(out, '\n');
}

/* ---- the file ---- */

/* The slots of CPUs that map it now. */
static void put_slots(struct machine *m, uint64_t pfn, struct text *out)
{
	struct highmem_window w;

	for (unsigned cookie = 0; highmem_next_of_page(m, pfn, &cookie, &w);) {
		if (w.kind != HIGHMEM_LOCAL)
			continue;
		key(out, "kmap_slot");
		text_printf(out, "0x%llx, slot %u of cpu%u%s\n", (ull)w.address, w.slot, w.cpu,
			w.stale ? ", given back and still in the table" : "");
	}
}

/* Where areas of kernel addresses map it. */
static void put_vm_areas(struct machine *m, uint64_t pfn, struct text *out)
{
	uint64_t addr = 0, budget = VM_AREA_BUDGET;
	const struct vm_struct *vm;

	for (unsigned n = 0; n < USERS_MOST && (vm = next_vm_area_of_page(m, pfn, &addr, &budget));
		n++, addr += PAGE_BYTES) {
		key(out, "vm_area");
		text_printf(out, "0x%llx, ", (ull)addr);
		put_vm_page(vm, addr, out);
		text_puts(out, " of ");
		put_vm_area(m, vm, out);
		text_putc(out, '\n');
	}
}

static void put_addresses(struct machine *m, uint64_t pfn, const struct zone *z, struct text *out)
{
	key(out, "pfn");
	text_printf(out, "0x%llx (%llu)\n", (ull)pfn, (ull)pfn);
	key(out, "physical");
	text_printf(out, "0x%llx-0x%llx", (ull)(pfn << PAGE_SHIFT),
		(ull)((pfn << PAGE_SHIFT) + PAGE_BYTES - 1));
	size_t before = out->len;
	text_puts(out, ", in ");
	size_t named = out->len;
	resource_name(m, pfn << PAGE_SHIFT, out);
	if (out->len == named)
		out->len = before;
	text_putc(out, '\n');
	if (!pfn_valid(m, pfn))
		return;
	key(out, "kernel_address");
	uint64_t address = highmem_page_address(m, pfn);
	if (address)
		text_printf(out, "0x%llx%s\n", (ull)address,
			page_is_high(m, pfn) ? " (a window of kmap)" : "");
	else
		text_printf(out, "none%s\n",
			z && z->type == ZONE_HIGHMEM ? ": HighMem is mapped when needed" : "");
	put_slots(m, pfn, out);
	put_vm_areas(m, pfn, out);
	address = pfn_to_page(m, pfn);
	if (!address)
		return;
	key(out, "struct_page");
	text_printf(out, "0x%llx, %u bytes\n", (ull)address, m->struct_page_bytes);
}

static void put_home(const struct machine *m, uint64_t pfn, const struct zone *z, struct text *out)
{
	uint64_t block_pages = (uint64_t)1 << m->pageblock_order;

	key(out, "zone");
	text_printf(out, "%s\n", z ? zone_name(z->type) : "none");
	key(out, "node");
	if (z)
		text_printf(out, "%u\n", z->nid);
	else
		text_puts(out, "none\n");
	key(out, "section");
	if (m->section_shift)
		text_printf(out, "%llu\n", (ull)(pfn << PAGE_SHIFT >> m->section_shift));
	else
		text_printf(out, "none (%s)\n", mem_model_name(mem_model(m)));
	key(out, "pageblock");
	text_printf(out, "0x%llx, %llu pages, %s\n", (ull)(pfn / block_pages * block_pages),
		(ull)block_pages, migratetype_name(pageblock_type(m, pfn)));
}

static void put_compound(const struct frame *f, uint64_t pfn, uint64_t head_pfn, struct text *out)
{
	key(out, "compound");
	if (f->flags & FRAME_HEAD)
		text_printf(out, "head of %llu pages\n", 1ULL << f->order);
	else if (f->flags & FRAME_TAIL)
		text_printf(
			out, "tail %llu, head at 0x%llx\n", (ull)(pfn - head_pfn), (ull)head_pfn);
	else
		text_puts(out, "no\n");
}

int show_page(struct view *v, struct text *out)
{
	struct machine *m = v->m;
	uint64_t pfn = v->arg[0];
	const struct zone *z = pfn_valid(m, pfn) ? pfn_zone(m, pfn) : NULL;

	put_addresses(m, pfn, z, out);
	if (!pfn_valid(m, pfn)) {
		key(out, "state");
		text_puts(out, pfn >= m->end_pfn ? "no struct page: beyond the end of RAM\n"
						 : "no struct page: no RAM in this section\n");
		return 0;
	}
	struct frame f = frame_peek(m, pfn);
	bool is_free = f.flags & (FRAME_BUDDY | FRAME_PCP);
	uint64_t head_pfn = head_of(&f, pfn);

	put_home(m, pfn, z, out);
	key(out, "state");
	put_state(m, z, &f, pfn, head_pfn, out);
	key((text_putc(out, '\n'), out), "flags");
	put_page_flags(&f, out);
	key((text_putc(out, '\n'), out), "order");
	text_printf(out, "%u\n", (unsigned)f.order);
	key(out, "refcount");
	text_printf(out, "%u\n", f.refcount);
	key(out, "mapcount");
	text_printf(out, "%u\n", f.mapcount);
	put_compound(&f, pfn, head_pfn, out);
	if (!is_free && (!(f.flags & FRAME_RESERVED) || page_owner_kind(m, pfn, &f))) {
		key(out, "owner");
		put_owner(m, pfn, &f, out);
		text_putc(out, '\n');
		put_page_users(m, pfn, &f, USERS_MOST, out);
		key(out, "moves");
		put_movable(m, pfn, out);
	}
	return 0;
}

/* ---- {page}: 0x1f400, buf, p.17, buf+3 ---- */

/* The page that a name stands for, and the pages behind it. */
static int page_of_name(const struct machine *m, const char *name, size_t len, uint64_t *pfn)
{
	const char *plus = memchr(name, '+', len);
	size_t name_len = plus ? (size_t)(plus - name) : len;
	size_t base_len;
	uint32_t index;
	uint64_t more = 0;

	if (!var_split(name, name_len, &base_len, &index))
		return -ENOENT;
	if (plus && !parse_u64(plus + 1, len - name_len - 1, 10, &more))
		return -ENOENT;
	const struct var *var = var_get(m, &m->vars, name, base_len, index);
	if (var && var->kind == VAR_PAGE)
		*pfn = var->value;
	else if (var && var->kind == VAR_ADDRESS)
		*pfn = virt_to_pfn(m, var->value);
	else
		return -ENOENT;
	if (*pfn == NO_PFN || more >> PAGE_PFN_BITS || (*pfn + more) >> PAGE_PFN_BITS)
		return -ENOENT;
	*pfn += more;
	return 0;
}

static int page_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	char spelling[24];

	if (!len || *name < '0' || *name > '9')
		return page_of_name(v->m, name, len, value);
	if (!parse_u64(name, len, 0, value) || *value >> PAGE_PFN_BITS)
		return -ENOENT;
	arg_print_hex(v, *value, spelling, sizeof(spelling));
	return strlen(spelling) == len && !memcmp(spelling, name, len) ? 0 : -ENOENT;
}

/* Keys: the zones' numbers, behind them the names'. */
#define FIRST_NAME_KEY ((uint64_t)MAX_NODES * MAX_NR_ZONES)

static bool next_name(struct view *v, uint64_t *at, char *name, size_t cap)
{
	uint64_t cookie = *at - FIRST_NAME_KEY;
	char var_name[VAR_NAME_MAX + 12];
	struct var var;

	while (var_next(v->m, &v->m->vars, &cookie, var_name, &var)) {
		if (var.kind != VAR_PAGE && var.kind != VAR_ADDRESS)
			continue;
		snprintf(name, cap, "%s", var_name);
		*at = FIRST_NAME_KEY + cookie - 1;
		return true;
	}
	return false;
}

static bool page_list(struct view *v, uint64_t *at, char *name, size_t cap)
{
	for (uint64_t id = *at; id < (uint64_t)v->m->nr_nodes * MAX_NR_ZONES; id++) {
		const struct zone *z = zone_at(
			v->m, (unsigned)(id / MAX_NR_ZONES), (enum zone_type)(id % MAX_NR_ZONES));

		if (!zone_configured(v->m, z->type) || !zone_populated(z))
			continue;
		*at = id;
		arg_print_hex(v, z->start_pfn, name, cap);
		return true;
	}
	if (*at < FIRST_NAME_KEY)
		*at = FIRST_NAME_KEY;
	return next_name(v, at, name, cap);
}

const struct arg_ops page_arg = {.parse = page_parse, .next = page_list, .print = arg_print_hex};
