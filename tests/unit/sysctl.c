/* SPDX-License-Identifier: MIT
 *
 * Files with one value: the kernel's parsing of numbers and words, ranges, and that a refused value leaves the old
 * one. What real kernels answered is in golden/sysctl_writes.c; here are the corners that it has not.
 */
#include "view/sysctl.h"

#include "mm/sysctl_effect.h"
#include "mm/page/zone.h"
#include "support/hand.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct machine *machine(void)
{
	struct hand h = {.nr_zones = 1, .zone = {{.type = ZONE_NORMAL, .pages = 65536}}};
	struct machine *m = hand_machine(&h);

	config_put(&m->config, CONFIG_64BIT, true);
	zones_init_min_free(m);
	return m;
}

static int64_t store(struct machine *m, enum sysctl_id id, const char *data, size_t len)
{
	struct session session = {.m = m};
	struct view v = {.s = &session, .m = m, .aux = id};

	refusal_clear(&m->why);
	int64_t ret = store_sysctl(&v, data, len);
	cr_expect(ret >= 0 || m->why.sentence[0], "a refusal has its sentence");
	return ret;
}

static const char *show(struct machine *m, enum sysctl_id id)
{
	static char buffer[128];
	struct view v = {.m = m, .aux = id};
	struct text text;

	text_init(&text);
	cr_assert_eq(show_sysctl(&v, &text), 0);
	snprintf(buffer, sizeof(buffer), "%s", text_str(&text));
	text_finish(&text);
	return buffer;
}

struct example {
	enum sysctl_id id;
	const char *data;
	int64_t ret;
	const char *reads;
};

static const struct example examples[] = {
	/* octal, hex, signs, blanks of all kinds */
	{SYSCTL_min_free_kbytes, "010\n", 4, "8\n"},
	{SYSCTL_min_free_kbytes, "0X1f", 4, "31\n"},
	{SYSCTL_min_free_kbytes, "0x", -EINVAL, "31\n"},
	{SYSCTL_min_free_kbytes, "+5", -EINVAL, "31\n"},
	{SYSCTL_min_free_kbytes, "-", -EINVAL, "31\n"},
	{SYSCTL_min_free_kbytes, "--1", -EINVAL, "31\n"},
	{SYSCTL_min_free_kbytes, "\t\n 77 \n", 7, "77\n"},
	{SYSCTL_min_free_kbytes, " \n", -EINVAL, "77\n"},
	{SYSCTL_min_free_kbytes, "", -EINVAL, "77\n"},
	{SYSCTL_min_free_kbytes, "78x", -EINVAL, "77\n"},
	{SYSCTL_min_free_kbytes, "78 x", 3, "78\n"},
	/* an int and no more; 21 characters are too many whatever they are */
	{SYSCTL_min_free_kbytes, "2147483648", -EINVAL, "78\n"},
	{SYSCTL_min_free_kbytes, "18446744073709551616", -EINVAL, "78\n"},
	{SYSCTL_min_free_kbytes, "00000000000000000001", 20, "1\n"},
	{SYSCTL_min_free_kbytes, "000000000000000000001", -EINVAL, "1\n"},
	{SYSCTL_overcommit_ratio, "-2147483648", 11, "-2147483648\n"},
	{SYSCTL_overcommit_ratio, "-2147483649", -EINVAL, "-2147483648\n"},
	/* an unsigned long: no sign, 64 bits here */
	{SYSCTL_admin_reserve_kbytes, "18446744073709551615", 20, "18446744073709551615\n"},
	{SYSCTL_admin_reserve_kbytes, "-1", -EINVAL, "18446744073709551615\n"},
	{SYSCTL_dirty_bytes, "8191", -EINVAL, "0\n"},
	/* seconds that are kept in ticks of 4 ms */
	{SYSCTL_stat_interval, "8589934", 7, "8589934\n"},
	{SYSCTL_stat_interval, "8589935", -EINVAL, "8589934\n"},
	{SYSCTL_hugetlb_optimize_vmemmap, "7", 1, "1\n"},
	{SYSCTL_numa_zonelist_order, "default", 7, "Node\n"},
	{SYSCTL_numa_zonelist_order, "Zone", -EINVAL, "Node\n"},
	{SYSCTL_stat_refresh, "whatever", 8, ""},
	{SYSCTL_percpu_pagelist_high_fraction, "7", -EINVAL, "0\n"},
	{SYSCTL_percpu_pagelist_high_fraction, "8", 1, "8\n"},
	/* sysfs takes the number alone */
	{SYSCTL_ksm_sleep_millisecs, "30\n", 3, "30\n"},
	{SYSCTL_ksm_sleep_millisecs, "30 ", -EINVAL, "30\n"},
	{SYSCTL_ksm_sleep_millisecs, " 31", -EINVAL, "30\n"},
	{SYSCTL_ksm_sleep_millisecs, "0x20\n", 5, "32\n"},
	{SYSCTL_ksm_run, "3", -EINVAL, "0\n"},
	{SYSCTL_thp_defrag, "defer+madvise\n", 14, "always defer [defer+madvise] madvise never\n"},
	{SYSCTL_thp_defrag, "defer+", -EINVAL, "always defer [defer+madvise] madvise never\n"},
	{SYSCTL_auto_online_blocks, "online_movable\n", 15, "online_movable\n"},
	{SYSCTL_vma_ra_enabled, "0\n", 2, "false\n"},
	{SYSCTL_vma_ra_enabled, "on", 2, "true\n"},
	{SYSCTL_vma_ra_enabled, "maybe", -EINVAL, "true\n"},
	{SYSCTL_fault_around_bytes, "70000\n", 6, "65536\n"},
};

Test(sysctl, parsing_corners)
{
	struct machine *m = machine();

	for (unsigned i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *e = &examples[i];
		int64_t ret = store(m, e->id, e->data, strlen(e->data));

		cr_expect_eq(ret, e->ret, "`%s`: %ld, not %ld", e->data, ret, e->ret);
		cr_expect_str_eq(show(m, e->id), e->reads, "`%s`", e->data);
	}
	hand_destroy(m);
}

/* An unsigned long has 32 bits where the kernel has. */
Test(sysctl, long_of_32_bits)
{
	struct machine *m = machine();

	config_put(&m->config, CONFIG_64BIT, false);
	cr_expect_eq(store(m, SYSCTL_shmmax, "4294967295", 10), 10);
	cr_expect_eq(store(m, SYSCTL_shmmax, "4294967296", 10), -EINVAL);
	hand_destroy(m);
}

/* Of bytes and ratio, of ratio and kbytes, the last one written rules. */
Test(sysctl, the_other_one_is_zero)
{
	struct machine *m = machine();

	cr_expect_eq(store(m, SYSCTL_dirty_bytes, "8192", 4), 4);
	cr_expect_str_eq(show(m, SYSCTL_dirty_ratio), "0\n");
	cr_expect_eq(store(m, SYSCTL_dirty_ratio, "20", 2), 2);
	cr_expect_str_eq(show(m, SYSCTL_dirty_bytes), "0\n");
	cr_expect_eq(store(m, SYSCTL_dirty_background_bytes, "4096", 4), 4);
	cr_expect_str_eq(show(m, SYSCTL_dirty_background_ratio), "0\n");
	cr_expect_eq(store(m, SYSCTL_overcommit_kbytes, "100", 3), 3);
	cr_expect_str_eq(show(m, SYSCTL_overcommit_ratio), "0\n");
	hand_destroy(m);
}

/* What concerns zones is recomputed at once. */
Test(sysctl, zones_follow)
{
	struct machine *m = machine();
	struct zone *z = zone_at(m, 0, ZONE_NORMAL);

	cr_expect_eq(store(m, SYSCTL_min_free_kbytes, "4000", 4), 4);
	cr_expect_eq(z->watermark[WMARK_MIN], 1000);
	cr_expect_eq(z->watermark[WMARK_LOW], 1250);
	cr_expect_eq(m->sysctls.user_min_free_kbytes, 4000);
	cr_expect_eq(store(m, SYSCTL_watermark_scale_factor, "1000", 4), 4);
	cr_expect_eq(z->watermark[WMARK_LOW], 1000 + z->managed_pages / 10);
	z->watermark_boost = 77;
	cr_expect_eq(store(m, SYSCTL_watermark_boost_factor, "0", 1), 1);
	cr_expect_eq(z->watermark_boost, 77, "only a recomputation of the marks clears the boost");
	cr_expect_eq(store(m, SYSCTL_percpu_pagelist_high_fraction, "8", 1), 1);
	cr_expect_eq(z->pcp_high, z->managed_pages / 8);
	/* One number a zone that the kernel has, Normal and Movable here; a bad one ends the row, the rest stays. */
	cr_expect_eq(store(m, SYSCTL_lowmem_reserve_ratio, "9 x", 3), 2);
	cr_expect_str_eq(show(m, SYSCTL_lowmem_reserve_ratio), "9\t0\n");
	cr_expect_eq(store(m, SYSCTL_lowmem_reserve_ratio, "-3 5", 4), 4);
	cr_expect_str_eq(show(m, SYSCTL_lowmem_reserve_ratio), "0\t5\n");
	hand_destroy(m);
}

/* min_free_kbytes of the user survives what the kernel would compute, until huge pages want more. */
Test(sysctl, the_users_min_free_stays)
{
	struct machine *m = machine();

	config_put(&m->config, CONFIG_TRANSPARENT_HUGEPAGE, true);
	cr_expect_eq(store(m, SYSCTL_min_free_kbytes, "200000", 6), 6);
	cr_expect_eq(store(m, SYSCTL_thp_enabled, "never", 5), 5);
	cr_expect_str_eq(show(m, SYSCTL_min_free_kbytes), "200000\n");
	cr_expect(strstr(hand_log(m), "min_free_kbytes is not updated to"));
	cr_expect_eq(store(m, SYSCTL_min_free_kbytes, "100", 3), 3);
	cr_expect_eq(store(m, SYSCTL_thp_enabled, "always", 6), 6);
	cr_expect(strstr(hand_log(m), "raising min_free_kbytes from 100 to"));
	hand_destroy(m);
}

/* Set by name, as a dump of another machine has it; what no machine could have is ignored. */
Test(sysctl, adopted_from_a_dump)
{
	struct machine *m = machine();

	cr_expect(sysctl_adopt(m, "min_free_kbytes", "8000", 4));
	cr_expect_eq(m->sysctls.user_min_free_kbytes, -1);
	cr_expect_eq(zone_at(m, 0, ZONE_NORMAL)->watermark[WMARK_MIN], 2000);
	cr_expect(sysctl_adopt(m, "page-cluster", "5", 1));
	cr_expect(sysctl_adopt(m, "lowmem_reserve_ratio", "64\t8", 4));
	cr_expect_str_eq(show(m, SYSCTL_lowmem_reserve_ratio), "64\t8\n");
	cr_expect(!sysctl_adopt(m, "swappiness", "201", 3));
	cr_expect(!sysctl_adopt(m, "swappiness", "many", 4));
	cr_expect(!sysctl_adopt(m, "no_such_file", "1", 1));
	cr_expect_str_eq(show(m, SYSCTL_swappiness), "60\n");
	hand_destroy(m);
}
