/* SPDX-License-Identifier: MIT
 *
 * sim/addr/ADDRESS, sim/addr/phys:ADDRESS, sim/addr/bus:ADDRESS: everything about one address.
 *
 *	address    0xc2000010
 *	kind       kernel logical: in the direct map, a physical address plus a constant
 *	mapped     by a page of 4M, kernel rw-, user ---
 *	physical   0x2000010
 *	bus        0x2000010
 *	logical    0xc2000010
 *	user       0xb7f00010 of 100 (hog)
 *	resource   System RAM
 *	page       pfn 0x2000, its struct page at 0xf584e000, zone Normal, node 0
 *	state      in use, 1 reference, 1 mapping, flags uptodate lru
 *
 * A bare ADDRESS is virtual, as CPU 0 sees it now: a user address is one of the process that runs there. The tables tell
 * where it leads, as in sim/walk, and nothing is changed by asking. A bus address leads where each device's bus or IOMMU
 * says (addr_bus.c). From the physical address on everything is the same for all three spellings. Each line is made by a
 * function of its own, in the tables at the end; who adds a kind of address adds a function.
 */
#include "view/addr.h"

#include "view/files.h"
#include "view/page_users.h"
#include "view/task_view.h"
#include "view/translation.h"

#include "base/parse.h"
#include "mm/kernel/cpus.h"
#include "mm/page/address.h"
#include "mm/page/contents.h"
#include "mm/page/zone.h"
#include "mm/process/file.h"
#include "mm/process/pgtables.h"
#include "mm/process/rmap.h"
#include "mm/process/tlb_flush.h"
#include "mm/process/vma.h"
#include "mm/process/vma_index.h"
#include "mm/slab/slab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

/* ---- the virtual address ---- */

static void put_kind(struct addr *a, struct text *out)
{
	text_printf(out, ADDR_KEY "0x%llx\n" ADDR_KEY "%s\n", "address", (ull)a->va, "kind",
		address_kind_words(a->kind));
}

static void put_process(struct addr *a, struct text *out)
{
	const struct mm *mm = current_mm(a->m, 0);

	if (a->kind != ADDRESS_USER)
		return;
	text_printf(out, ADDR_KEY, "seen by");
	if (mm) {
		text_puts(out, "the process that CPU 0 runs: ");
		put_mm_name(a->m, mm, out);
	} else {
		text_puts(out,
			"nobody: CPU 0 runs no process (a call or an access of one puts it there)");
	}
	text_putc(out, '\n');
}

static void put_vma(struct addr *a, struct text *out)
{
	const struct mm *mm = current_mm(a->m, 0);
	const struct vma *v =
		mm && a->kind == ADDRESS_USER ? vma_find(a->m, &mm->vmas, a->va) : NULL;

	if (!mm || a->kind != ADDRESS_USER)
		return;
	text_printf(out, ADDR_KEY, "mapping");
	if (!v || v->start > a->va) {
		text_puts(out, "none: an access is a segmentation fault\n");
		return;
	}
	text_printf(out, "0x%llx-0x%llx", (ull)v->start, (ull)v->end);
	if (v->file_at) {
		text_puts(out, " of ");
		inode_put_path(a->m, vma_inode(a->m, v), out);
	}
	text_putc(out, '\n');
}

static void put_translation(struct addr *a, struct text *out)
{
	text_printf(out, ADDR_KEY, "mapped");
	if (!a->mmu) {
		text_puts(out, "not at all: the MMU is off, or there is none, and addresses are "
			       "physical\n");
	} else if (a->walk.fault) {
		text_printf(out, "no: %s\n", hw_fault_words(a->walk.fault));
	} else {
		text_puts(out, "by a page of ");
		put_page_size(out, a->walk.page_shift);
		text_puts(out, ", ");
		put_permissions(out, a->walk.flags);
		text_putc(out, '\n');
	}
}

/* ---- the names of the byte ---- */

static void put_physical(struct addr *a, struct text *out)
{
	text_printf(out, ADDR_KEY "0x%llx\n", "physical", (ull)a->pa);
}

static void put_logical(struct addr *a, struct text *out)
{
	text_printf(out, ADDR_KEY, "logical");
	if (linux_va_valid(a->m, a->pa))
		text_printf(out, "0x%llx\n", (ull)linux_va(a->m, a->pa));
	else if (pfn_present(a->m, a->pa >> PAGE_SHIFT))
		text_puts(out, "none: high memory has no address of its own in the kernel\n");
	else
		text_puts(out, "none: not RAM\n");
}

static void put_image(struct addr *a, struct text *out)
{
	const struct kernel_map *k = &a->m->kernel_map;

	if (a->pa - k->image_pa < k->image_bytes && k->image_va != linux_va(a->m, k->image_pa))
		text_printf(out, ADDR_KEY "0x%llx\n", "image",
			(ull)(a->pa - k->image_pa + k->image_va));
}

struct users {
	struct text *out;
	uint64_t offset;
	unsigned left;
};

static bool put_user(struct machine *m, void *data, struct vma *v, uint64_t addr)
{
	struct users *u = data;

	if (!u->left)
		return true;
	u->left--;
	text_printf(u->out, ADDR_KEY "0x%llx of ", "user", (ull)(addr + u->offset));
	put_mm_name(m, machine_at(m, v->mm_at), u->out);
	text_putc(u->out, '\n');
	return true;
}

static void put_users(struct addr *a, struct text *out)
{
	struct users u = {.out = out, .offset = a->pa % PAGE_BYTES, .left = ADDR_USERS_MOST};

	if (!a->has_page || !a->frame.mapcount || !a->frame.mapping ||
		a->frame.flags & (FRAME_TAIL | FRAME_SLAB))
		return;
	unsigned found = rmap_walk(a->m, a->pfn, put_user, &u);
	if (found > ADDR_USERS_MOST)
		text_printf(out, ADDR_KEY "%u more\n", "user", found - ADDR_USERS_MOST);
}

/* ---- what is there ---- */

static void put_resource(struct addr *a, struct text *out)
{
	text_printf(out, ADDR_KEY, "resource");
	size_t before = out->len;
	resource_name(a->m, a->pa, out);
	if (out->len == before)
		text_puts(out, "none: nothing answers at this physical address");
	text_putc(out, '\n');
}

static void put_page_line(struct addr *a, struct text *out)
{
	if (!a->has_page) {
		text_printf(out, ADDR_KEY "none: pfn 0x%llx has no struct page\n", "page",
			(ull)(a->pa >> PAGE_SHIFT));
		return;
	}
	const struct zone *z = page_zone(a->m, a->pfn);
	uint64_t address = pfn_to_page(a->m, a->pfn);

	text_printf(out, ADDR_KEY "pfn 0x%llx", "page", (ull)a->pfn);
	if (address)
		text_printf(out, ", its struct page at 0x%llx", (ull)address);
	text_printf(out, ", zone %s, node %u\n", zone_name(z->type), z->nid);
}

static void put_state(struct addr *a, struct text *out)
{
	const struct frame *f = &a->frame;

	/* A slab counts its objects in that place (struct slab overlays struct page). */
	uint32_t mappings = f->flags & FRAME_SLAB ? 0 : f->mapcount;

	if (!a->has_page)
		return;
	text_printf(out, ADDR_KEY, "state");
	put_page_state(a->m, a->pfn, f, out);
	if (f->refcount && !(f->flags & FRAME_RESERVED))
		text_printf(out, "; %u reference%s, %u mapping%s", f->refcount,
			f->refcount == 1 ? "" : "s", mappings, mappings == 1 ? "" : "s");
	if (f->flags) {
		text_puts(out, "; flags ");
		put_page_flags(f, out);
	}
	text_putc(out, '\n');
}

static void put_use(struct addr *a, struct text *out)
{
	const char *kind = a->has_page ? page_owner_kind(a->m, a->pfn, &a->frame) : NULL;

	if (kind)
		text_printf(out, ADDR_KEY "%s\n", "use", kind);
}

static void put_object(struct addr *a, struct text *out)
{
	static const char *const holder[] = {
		"free", "allocated", "allocated by the kernel itself", "lost"};
	struct slab_place p;

	if (!a->has_page || !linux_va_valid(a->m, a->pa) ||
		!slab_find(a->m, linux_va(a->m, a->pa), &p))
		return;
	text_printf(out, ADDR_KEY "%s, number %u of %u in its slab, %s", "object",
		p.cache ? p.cache->name : "kmalloc's own pages", p.index, p.objects,
		holder[p.holder]);
	if (p.in_object)
		text_printf(out, ", byte %llu of its %llu", (ull)(linux_va(a->m, a->pa) - p.start),
			(ull)p.bytes);
	text_putc(out, '\n');
}

static void put_table_owner(struct addr *a, struct text *out)
{
	if (!a->has_page || !a->frame.refcount || !(a->frame.flags & FRAME_PGTABLE))
		return;
	const struct mm *mm = pgtable_owner(a->m, a->pfn);

	text_printf(out, ADDR_KEY, "table of");
	if (mm)
		put_mm_name(a->m, mm, out);
	else
		text_puts(out, "the kernel");
	text_putc(out, '\n');
}

static void put_var_name(struct addr *a, struct text *out)
{
	char name[VAR_NAME_MAX + 12];

	if (a->has_page && !(a->frame.flags & (FRAME_BUDDY | FRAME_PCP)) &&
		var_of_page(a->m, &a->m->vars, a->pfn, page_address(a->m, a->pfn), name))
		text_printf(out, ADDR_KEY "%s (sim/vars/%s)\n", "held by", name, name);
}

/* ---- the files ---- */

static addr_part_fn *const of_virtual[] = {put_kind, put_process, put_vma, addr_put_area,
	addr_put_vm, addr_put_fixed, addr_put_window, addr_put_described, put_translation};
static addr_part_fn *const of_physical[] = {put_physical, addr_put_bus, put_logical, put_image,
	addr_put_kmaps, addr_put_vm_names, put_users, put_resource, put_page_line, put_state,
	put_use, put_object, put_table_owner, addr_put_stack, put_var_name};

static void find_page(struct addr *a)
{
	a->pfn = a->pa >> PAGE_SHIFT;
	a->has_page = pfn_valid(a->m, a->pfn);
	if (a->has_page)
		a->frame = frame_peek(a->m, a->pfn);
}

static void put_all(struct addr *a, addr_part_fn *const *parts, size_t n, struct text *out)
{
	for (size_t i = 0; i < n; i++)
		parts[i](a, out);
}

#define PUT_ALL(a, parts, out) put_all(a, parts, sizeof(parts) / sizeof((parts)[0]), out)

int show_addr(struct view *v, struct text *out)
{
	struct hw_regime r = machine_cpu_regime(v->m, 0);
	struct dram d = machine_dram(v->m);
	struct addr a = {.m = v->m, .va = v->arg[0], .kind = address_kind(v->m, v->arg[0])};

	a.mmu = r.mode != PAGING_NONE;
	if (a.mmu)
		walk_tables(&r, &d, a.va, &a.walk);
	a.has_pa = !a.mmu || !a.walk.fault;
	a.pa = a.mmu ? a.walk.pa : a.va;
	PUT_ALL(&a, of_virtual, out);
	if (a.has_pa) {
		find_page(&a);
		PUT_ALL(&a, of_physical, out);
	}
	return 0;
}

void addr_put_physical(struct machine *m, uint64_t pa, struct text *out)
{
	struct addr a = {.m = m, .pa = pa, .has_pa = true};

	find_page(&a);
	PUT_ALL(&a, of_physical, out);
}

int show_addr_phys(struct view *v, struct text *out)
{
	addr_put_physical(v->m, v->arg[0], out);
	return 0;
}

/* ---- {phys}, {bus}: 0x1f4000 in its one spelling, or the NAME of a number, of a page, of a mapping for a device ---- */

static int phys_of_name(
	const struct machine *m, const char *name, size_t len, bool bus, uint64_t *value)
{
	size_t base_len;
	uint32_t index;

	if (!var_split(name, len, &base_len, &index))
		return -ENOENT;
	const struct var *var = var_get(m, &m->vars, name, base_len, index);

	if (!var || (var->kind != VAR_NUMBER && var->kind != VAR_PAGE &&
			    (var->kind != VAR_DMA || !bus)))
		return -ENOENT;
	*value = var->kind == VAR_PAGE ? var->value << PAGE_SHIFT : var->value;
	return 0;
}

static int parse(struct view *v, const char *name, size_t len, bool bus, uint64_t *value)
{
	char spelling[24];

	if (!len || *name < '0' || *name > '9')
		return phys_of_name(v->m, name, len, bus, value);
	if (!parse_u64(name, len, 0, value))
		return -ENOENT;
	arg_print_hex(v, *value, spelling, sizeof(spelling));
	return strlen(spelling) == len && !memcmp(spelling, name, len) ? 0 : -ENOENT;
}

static int phys_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	return parse(v, name, len, false, value);
}

static int bus_parse(struct view *v, const char *name, size_t len, uint64_t *value)
{
	return parse(v, name, len, true, value);
}

/* Where each range of RAM begins: the key is the range's number. */
static bool phys_next(struct view *v, uint64_t *key, char *name, size_t cap)
{
	const struct memblock_type *memory = &v->m->memblock.memory;

	if (*key >= memory->nr)
		return false;
	arg_print_hex(v, memory->region[*key].start, name, cap);
	return true;
}

const struct arg_ops phys_arg = {.parse = phys_parse, .next = phys_next, .print = arg_print_hex};
const struct arg_ops bus_arg = {.parse = bus_parse, .next = phys_next, .print = arg_print_hex};
