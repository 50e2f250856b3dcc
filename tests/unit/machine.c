/* SPDX-License-Identifier: MIT
 *
 * Claims about a machine as a value: a copy is equal and goes on alike, what was touched and is
 * zero counts as untouched, a huge machine costs nothing, and what cannot be is refused with a
 * sentence.
 */
#include "mm/machine.h"

#include "base/text.h"
#include "mm/page/page_alloc.h"
#include "mm/page/zone.h"
#include "support/booted.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static void churn(struct machine *m)
{
	uint64_t pfn[64];

	for (unsigned i = 0; i < 64; i++)
		cr_assert_eq(alloc_pages_node(m, 0, -1, GFP_KERNEL, i % 5, &pfn[i]), 0);
	for (unsigned i = 0; i < 64; i += 3)
		cr_assert_eq(free_pages_order(m, 0, pfn[i], i % 5), 0);
}

Test(machine, the_same_description_is_the_same_machine)
{
	struct machine *a = booted("pc-i386", NULL), *b = booted("pc-i386", NULL),
		       *c = booted("pc-i386", "ram", "1G", NULL);

	cr_expect_eq(machine_digest(a), machine_digest(b));
	cr_expect_neq(machine_digest(a), machine_digest(c));
	churn(a);
	cr_expect_neq(machine_digest(a), machine_digest(b));
	churn(b);
	cr_expect_eq(machine_digest(a), machine_digest(b));
	machine_destroy(a);
	machine_destroy(b);
	machine_destroy(c);
}

Test(machine, a_copy_goes_on_alike)
{
	struct machine *a = booted("pc-x86_64-numa", NULL), *b;
	struct refusal why;

	churn(a);
	cr_assert_eq(machine_copy(a, &b, &why), 0);
	cr_expect_eq(a->arena.touched_pages, b->arena.touched_pages);
	cr_expect_eq(machine_digest(a), machine_digest(b));
	churn(a);
	cr_expect_neq(machine_digest(a), machine_digest(b));
	churn(b);
	cr_expect_eq(machine_digest(a), machine_digest(b));
	booted_check(a);
	booted_check(b);
	machine_destroy(a);
	booted_check(b);
	machine_destroy(b);
}

Test(machine, touched_zeroes_are_no_difference)
{
	struct machine *m = booted("pc-i386", NULL);
	uint64_t before = machine_digest(m);

	cr_assert_eq(arena_touch(&m->arena, m->dram_at, 1 << 20, NULL), 0);
	cr_expect_eq(machine_digest(m), before);
	*(char *)machine_at(m, m->dram_at + 4096) = 1;
	uint64_t other = machine_digest(m);
	cr_expect_neq(other, before);
	/* The place counts, not only the content. */
	*(char *)machine_at(m, m->dram_at + 4096) = 0;
	*(char *)machine_at(m, m->dram_at + 8192) = 1;
	cr_expect_neq(machine_digest(m), before);
	cr_expect_neq(machine_digest(m), other);
	machine_destroy(m);
}

Test(machine, the_hosts_side_is_no_state)
{
	struct machine *m = booted("pc-i386", NULL);
	uint64_t before = machine_digest(m);

	refuse(&m->why, EINVAL, "something was refused");
	cr_expect_eq(machine_digest(m), before);
	machine_destroy(m);
}

Test(machine, huge_machines_cost_nothing)
{
	static const char *const sizes[] = {"1T", "12T", NULL};

	for (const char *const *size = sizes; *size; size++) {
		struct machine *m = booted("pc-x86_64", "ram", *size, NULL);

		cr_expect_lt(m->arena.touched_pages, 8 << 8, "%s: %llu KiB", *size,
			(unsigned long long)m->arena.touched_pages * 4);
		churn(m);
		booted_check(m);
		machine_destroy(m);
	}
}

Test(machine, sixteen_tib_is_the_end)
{
	cr_expect(strstr(boot_refused("pc-x86_64", "ram", "17T", NULL), "16 TiB"), "%s",
		refused_why());
	cr_expect(strstr(boot_refused("pc-x86_64", "maxram", "17T", NULL), "16 TiB"), "%s",
		refused_why());
	struct machine *m = booted("arm64-virt", "ram", "15T", NULL);
	machine_destroy(m);
}

Test(machine, too_small_to_boot)
{
	static const char *const presets[] = {"pc-i386", "pc-i386-pae", "pc-x86_64",
		"pc-x86_64-numa", "arm-virt", "arm64-virt", "riscv64-virt", NULL};
	static const char *const sizes[] = {"4K", "1M", "3M", "8M", "16M", "20M", "24M", "32M",
		"40M", "48M", "64M", "96M", "128M", "256M", NULL};

	for (const char *const *preset = presets; *preset; preset++) {
		bool booted_once = false;

		for (const char *const *size = sizes; *size; size++) {
			struct machine_desc *d = described(*preset);

			cr_assert_eq(describe_option(d, "ram", *size, NULL), 0);
			struct machine *m = boot_described(d);
			cr_expect(m || !booted_once, "%s boots with less than %s: %s", *preset,
				*size, refused_why());
			cr_expect(m || *refused_why());
			if (m)
				booted_check(m);
			booted_once |= m != NULL;
			machine_destroy(m);
		}
		cr_expect(booted_once, "%s does not boot with 256 MiB", *preset);
	}
}

Test(machine, too_large_for_the_host)
{
	struct refusal why;
	struct machine *m;
	struct machine_desc *d = described("pc-i386");

	cr_assert_eq(describe_option(d, "host_max", "64K", &why), 0);
	cr_expect_null(boot_described(d));
	cr_expect(strstr(refused_why(), "host_max"), "%s", refused_why());
	/* And one that ends in the middle of the work. */
	m = booted("pc-i386", "host_max", "8M", NULL);
	int err = 0;
	uint64_t pfn;
	for (unsigned i = 0; i < 100000 && !err; i++)
		err = alloc_pages_node(m, 0, -1, GFP_KERNEL, 10, &pfn);
	cr_expect(err == -EDQUOT || err == -ENOMEM, "%d", err);
	booted_check(m);
	machine_destroy(m);
}

Test(machine, its_check_can_fail)
{
	struct machine *m = booted("pc-i386", NULL);
	struct text t;

	text_init(&t);
	zone_at(m, 0, ZONE_NORMAL)->present_pages++;
	cr_expect_gt(machine_check(m, &t), 0);
	zone_at(m, 0, ZONE_NORMAL)->present_pages--;
	text_clear(&t);
	m->totalhigh_pages++;
	cr_expect_eq(machine_check(m, &t), 1, "%s", text_str(&t));
	text_finish(&t);
	machine_destroy(m);
}
