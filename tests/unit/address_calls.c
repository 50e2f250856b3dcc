/* SPDX-License-Identifier: MIT
 *
 * Claim: the conversions between kinds of addresses give what Linux computes where that is right, on each architecture, and
 * refuse what Linux would compute wrongly, with the wrong number and the right call in the sentence.
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Does @line give a result that begins with @want? */
static void gives(struct simm *simm, const char *line, const char *want)
{
	const char *got = world_call(simm, line);

	cr_expect(!strncmp(got, want, strlen(want)), "%s: %s, not %s", line, got, want);
}

static void refused(struct simm *simm, const char *line, const char *says)
{
	cr_expect_eq(world_refused(simm, line), EINVAL, "%s", line);
	const char *errors = world_cat(simm, "sim/errors");
	const char *last = errors + strlen(errors);

	/* The last refusal: a line "sim/ctl:..." and two more. */
	for (unsigned lines = 0; last > errors && lines < 4; last--)
		lines += last[-1] == '\n';
	cr_expect(strstr(last, says), "%s: %s does not say %s", line, last, says);
}

struct conversion {
	const char *line, *want; /* want NULL: refused */
	const char *says;
};

static void try_all(const char *preset, const char *ram, const struct conversion *row, size_t n)
{
	struct simm *simm = world(preset, ram ? "ram" : NULL, ram, NULL);

	for (size_t i = 0; i < n; i++)
		if (row[i].want)
			gives(simm, row[i].line, row[i].want);
		else
			refused(simm, row[i].line, row[i].says);
	cr_expect_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

#define TRY(preset, ram, row) try_all(preset, ram, row, sizeof(row) / sizeof((row)[0]))

Test(address_calls, i386)
{
	static const struct conversion row[] = {
		{"__pa c0012345", "0x12345 pfn=0x12 kind=logical offset=0xc0000000 zone=DMA", NULL},
		{"virt_to_phys c0000000", "0x0 ", NULL},
		{"__va 0x12345", "0xc0012345 pfn=0x12", NULL},
		{"__va 0xb8000", "0xc00b8000", NULL}, /* the VGA's text, in a hole that is mapped */
		{"__va 0x36bfdfff", "0xf6bfdfff", NULL},
		{"__va 0x36bfe000", NULL, "0xf6bfe000"}, /* high memory */
		{"__va 0x40000000", NULL, "kmap()"},
		{"__va 0xfee00000", NULL, "Local APIC"},
		{"__va 0xfee00000", NULL, "ioremap()"},
		{"__pa f7800000", NULL, "vmalloc_to_page()"},
		{"__pa f7800000", NULL, "0x37800000"},
		{"__pa fec00000", NULL, "kmap()"},
		{"__pa 08048000", NULL, "0x48048000"},
		{"__pa 08048000", NULL, "PID/walk"},
		{"__pa ffffe000", NULL, "page tables"},
		{"__pa 100000000", NULL, "too many bits"},
		{"virt_to_page f7800000", NULL, "vmalloc_to_page()"},
		{"pfn_valid 0xa0", "1 model=FLATMEM there=hole", NULL},
		{"pfn_valid 0x1000", "1 model=FLATMEM there=RAM", NULL},
		{"pfn_valid 0x7ffdd", "0 model=FLATMEM there=beyond_RAM", NULL},
		{"pfn_valid 0xfffffffffffff", "0 ", NULL},
		{"pfn_to_page 0x7ffdd", NULL, "pfn_valid is 0"},
		{"page_zone 0", "DMA", NULL},
		{"page_zone 0x40000", "HighMem", NULL},
		{"page_to_phys 0x40000", "0x40000000", NULL},
		{"page_to_nid 0x40000", "0", NULL},
		{"page_address 0x40000", "NULL", NULL},
		{"page_address 0x1000", "0xc1000000", NULL},
	};

	TRY("pc-i386", "2G", row);
}

Test(address_calls, i386_pae)
{
	static const struct conversion row[] = {
		{"__pa c0012345", "0x12345", NULL},
		{"__va 0x100000000", NULL, "high memory"},
		{"page_to_phys 0x100000", "0x100000000", NULL},
		{"page_address 0x100000", "NULL", NULL},
		/* The garbage is a word of the machine. */
		{"__pa 08048000", NULL, "0x48048000"},
	};

	TRY("pc-i386-pae", "6G", row);
}

Test(address_calls, arm)
{
	static const struct conversion row[] = {
		{"__pa c0012345", "0x40012345 pfn=0x40012 kind=logical offset=0x80000000", NULL},
		{"__va 0x40012345", "0xc0012345", NULL},
		{"__va 0xa0000000", NULL, "high memory"},
		{"__va 0x9000000", NULL, "not RAM"},
		{"__pa bfe00000", NULL, "kmap()"},
		{"__pa bf000000", NULL, "modules"},
		{"__pa ffff0000", NULL, "vectors"},
		{"pfn_valid 0x3ffff", "0 model=FLATMEM there=below_RAM", NULL},
	};

	TRY("arm-virt", "2G", row);
}

Test(address_calls, x86_64)
{
	static const struct conversion row[] = {
		{"__pa ffff888000012345", "0x12345 pfn=0x12 kind=logical", NULL},
		{"__pa ffffffff81000000",
			"0x1000000 pfn=0x1000 kind=image offset=0xffffffff80000000", NULL},
		{"virt_to_page ffffffff81000000", "0xffffea0000040000 pfn=0x1000", NULL},
		{"__va 0x23fffffff", "0xffff88823fffffff", NULL},
		{"__va 0x240000000", NULL, "not RAM"},
		{"__pa ffffffffa0000000", NULL, "0x20000000"}, /* a module's: as if of the image */
		{"__pa ffffc90000000000", NULL, "0x408000000000"},
		{"__pa ffffea0000000000", NULL, "struct pages"},
		{"__pa 7fff00000000", NULL, "PID/walk"},
		{"__pa 8000000000000000", NULL, "too many bits"},
		{"pfn_valid 0xd0000", "0 model=SPARSEMEM_VMEMMAP there=hole", NULL},
		{"pfn_to_page 0xd0000", NULL, "0xffffea0003400000"},
		{"pfn_to_page 0x12345", "0xffffea000048d140 pfn=0x12345", NULL},
		{"page_to_pfn 0xffffea000048d140", "0x12345 struct_page=0xffffea000048d140", NULL},
		{"page_to_pfn 0xffffea000048d141", NULL, "no struct page"},
	};

	TRY("pc-x86_64", "8G", row);
}

Test(address_calls, arm64)
{
	static const struct conversion row[] = {
		{"__pa ffff000000012345", "0x40012345", NULL},
		{"__pa ffff800008001000", "0x40201000 pfn=0x40201 kind=image", NULL},
		/* Counted from the direct map's begin: not what is meant. */
		{"virt_to_page ffff800008001000", NULL, "virt_to_page 0xffff000000201000"},
		{"virt_to_page ffff000000201000", "0xfffffc0000008040 pfn=0x40201", NULL},
		{"__pa ffff800020000000", NULL, "vmalloc_to_page()"},
		{"__va 0x40000000", "0xffff000000000000", NULL},
		{"__va 0x9000000", NULL, "not RAM"},
	};

	TRY("arm64-virt", NULL, row);
}

Test(address_calls, riscv64)
{
	static const struct conversion row[] = {
		{"__pa ffffffd800012345", "0x80012345", NULL},
		{"__pa ffffffff80001000", "0x80201000 pfn=0x80201 kind=image", NULL},
		{"virt_to_page ffffffff80001000", "0xffffffc700008040 pfn=0x80201", NULL},
		{"__pa ffffffc800000000", NULL, "vmalloc_to_page()"},
		{"__va 0x80000000", "0xffffffd800000000", NULL},
	};

	TRY("riscv64-virt", NULL, row);
}

/* Without an MMU all are the same number. */
Test(address_calls, cortex_m)
{
	static const struct conversion row[] = {
		{"__pa c0012344", "0xc0012344 pfn=0xc0012 kind=logical offset=0x0", NULL},
		{"__va 0xc0012344", "0xc0012344", NULL},
		{"__pa 10000000", NULL, "none of the kernel's areas"},
	};

	TRY("cortex-m", NULL, row);
}

/* Results are typed: what a name holds says where it may stand. */
Test(address_calls, names)
{
	struct simm *simm = world("pc-i386", "ram", "2G", NULL);

	world_call(simm, "a = __get_free_page GFP_KERNEL");
	world_call(simm, "h = alloc_pages GFP_HIGHUSER");
	world_call(simm, "pa = virt_to_phys a");
	world_call(simm, "b = phys_to_virt pa");
	world_call(simm, "p = virt_to_page b");
	world_call(simm, "n = page_to_pfn p");
	world_call(simm, "q = pfn_to_page n");
	world_call(simm, "c = page_address q");
	char a[32], c[32];
	snprintf(a, sizeof(a), "%.10s", world_cat(simm, "sim/vars/a") + strlen("address "));
	snprintf(c, sizeof(c), "%.10s", world_cat(simm, "sim/vars/c") + strlen("address "));
	cr_expect_str_eq(a, c);
	refused(simm, "__va a", "virtual address already");
	refused(simm, "__pa p", "a struct page");
	refused(simm, "virt_to_phys h", "a struct page");
	/* The address of a struct page is one. */
	char line[64];
	snprintf(line, sizeof(line), "__free_page %.10s", world_call(simm, "pfn_to_page n"));
	cr_expect_eq(world_refused(simm, line), 0, "%s", line);
	simm_destroy(simm);
}
