/* SPDX-License-Identifier: MIT
 *
 * Claims about the resource trees: what contains becomes the parent whatever came first, what
 * cuts is refused.
 */
#include "mm/core/resource.h"

#include "base/text.h"
#include "support/booted.h"
#include "support/hand.h"

#include <criterion/criterion.h>
#include <errno.h>

static struct machine *empty(void)
{
	return hand_machine(
		&(struct hand){.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 4096}}});
}

Test(resource, order_of_insertion_does_not_matter)
{
	static const struct {
		uint64_t start, end;
		const char *name;
	} r[] = {{0x1000, 0x1fff, "code"}, {0x0, 0x8fff, "ram"}, {0xa000, 0xafff, "rom"},
		{0x3000, 0x3fff, "data"}};

	for (unsigned first = 0; first < 4; first++) {
		struct machine *m = empty();

		for (unsigned i = 0; i < 4; i++) {
			unsigned k = (first + i * 3) % 4;

			cr_assert_eq(resource_insert(m, false, r[k].start, r[k].end, r[k].name), 0);
		}
		cr_expect_str_eq(booted_resources(m, false), "00000000-00008fff : ram\n"
							     "  00001000-00001fff : code\n"
							     "  00003000-00003fff : data\n"
							     "0000a000-0000afff : rom\n");
		hand_destroy(m);
	}
}

Test(resource, an_equal_range_becomes_a_child)
{
	struct machine *m = empty();

	resource_insert(m, true, 0x60, 0x60, "bus");
	resource_insert(m, true, 0x60, 0x60, "keyboard");
	cr_expect_str_eq(booted_resources(m, true), "0060-0060 : bus\n  0060-0060 : keyboard\n");
	hand_destroy(m);
}

Test(resource, a_range_that_cuts_another_is_refused)
{
	struct machine *m = empty();
	struct text t;

	text_init(&t);
	resource_insert(m, false, 0x1000, 0x2fff, "ram");
	cr_expect_eq(resource_insert(m, false, 0x2000, 0x3fff, "rom"), -EBUSY);
	cr_expect_eq(resource_insert(m, false, 0x0, 0x1000, "rom"), -EBUSY);
	cr_expect_eq(resource_insert(m, false, 0x2, 0x1, "rom"), -EINVAL);
	cr_expect_str_eq(booted_resources(m, false), "00001000-00002fff : ram\n");
	cr_expect_eq(resource_check(m, &t), 0);
	text_finish(&t);
	hand_destroy(m);
}

Test(resource, an_address_has_all_its_names)
{
	struct machine *m = empty();
	struct text t;

	text_init(&t);
	resource_insert(m, false, 0x1000, 0x9fff, "System RAM");
	resource_insert(m, false, 0x2000, 0x2fff, "Kernel code");
	resource_name(m, 0x2800, &t);
	cr_expect_str_eq(text_str(&t), "System RAM / Kernel code");
	text_clear(&t);
	resource_name(m, 0xa000, &t);
	cr_expect_str_eq(text_str(&t), "");
	text_finish(&t);
	hand_destroy(m);
}

Test(resource, many_of_them)
{
	struct machine *m = empty();
	struct text t;

	text_init(&t);
	for (unsigned i = 0; i < 500; i++) {
		uint64_t at = (i * 7919 % 500) * 0x1000;

		cr_assert_eq(resource_insert(m, false, at, at + 0xfff, "device"), 0);
	}
	cr_expect_eq(resource_insert(m, false, 0, 499 * 0x1000 + 0xfff, "bus"), 0);
	cr_expect_eq(m->resources.nr, 501);
	cr_expect_eq(resource_check(m, &t), 0, "%s", text_str(&t));
	text_finish(&t);
	hand_destroy(m);
}
