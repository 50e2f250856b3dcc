/* SPDX-License-Identifier: MIT
 *
 * Claim: sim/page says of every kind of page where it is and who has it, and takes one spelling for each page.
 */
#include "support/hand.h"

#include "mm/core/var.h"
#include "replay/replay.h"
#include "view/files.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* 16 MiB and a hole: page 0-15 no RAM, 16-31 reserved. */
static struct machine *machine(void)
{
	struct hand h = {.cpus = 2,
		.nr_zones = 1,
		.zone = {{.type = ZONE_NORMAL,
			.pages = 4096,
			.hole_pages = 16,
			.reserved_pfn = 16,
			.reserved_pages = 16,
			.pcp_high = 64,
			.pcp_batch = 4}}};

	return hand_machine(&h);
}

/* The value behind @key of sim/page/@pfn. */
static const char *line_of(struct machine *m, uint64_t pfn, const char *key)
{
	static char value[256];
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m, .arg = {pfn}};
	struct text out;
	char want[32];

	text_init(&out);
	cr_assert_eq(show_page(&v, &out), 0);
	snprintf(want, sizeof(want), "\n%s ", key);
	const char *at = strstr(text_str(&out), want);
	snprintf(value, sizeof(value), "%s", at ? at + 1 + strlen(key) : "");
	text_finish(&out);
	value[strcspn(value, "\n")] = '\0';
	return value + strspn(value, " ");
}

static bool begins(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

Test(page, every_kind_is_told)
{
	struct machine *m = machine();
	char held[64];

	cr_expect(begins(line_of(m, 3, "state"), "a hole"), "%s", line_of(m, 3, "state"));
	cr_expect(begins(line_of(m, 20, "state"), "reserved since boot"));
	cr_expect_str_eq(line_of(m, 70, "state"),
		"free, in the buddy list of order 6, Movable, zone "
		"Normal, page 6 of the 64 of the block at 0x40");
	cr_expect(begins(line_of(m, 3000, "state"),
		"free, never used: part of an untouched extent of 3 blocks of order 10"));
	cr_expect(begins(line_of(m, 1 << 20, "state"), "no struct page"));

	uint64_t pfn = hand_alloc(m, GFP_KERNEL | __GFP_COMP, 4);
	snprintf(held, sizeof(held), "in use, page 3 of the 16 of the block at 0x%llx",
		(unsigned long long)pfn);
	cr_expect_str_eq(line_of(m, pfn + 3, "state"), held);
	snprintf(held, sizeof(held), "tail 3, head at 0x%llx", (unsigned long long)pfn);
	cr_expect_str_eq(line_of(m, pfn + 3, "compound"), held);
	cr_expect_str_eq(line_of(m, pfn, "compound"), "head of 16 pages");
	cr_expect_str_eq(line_of(m, pfn, "refcount"), "1");
	cr_expect_str_eq(line_of(m, pfn, "owner"), "no name");

	uint64_t single = hand_alloc(m, GFP_HIGHUSER_MOVABLE, 0);
	cr_assert_eq(free_pages_order(m, 1, single, 0), 0);
	cr_expect(begins(line_of(m, single, "state"),
			  "free, on CPU 1's list of order 0, Movable, zone Normal"),
		"%s", line_of(m, single, "state"));
	cr_expect_str_eq(line_of(m, single, "flags"), "pcp");
	hand_destroy(m);
}

Test(page, who_has_it)
{
	static const char line[] = " x-1 [000] 1.0: mm_page_alloc: page=0c pfn=0x362458 order=1 "
				   "migratetype=0 gfp_flags=GFP_KERNEL";
	struct machine *m = machine();
	struct replay *r = replay_new();
	struct var var = {.kind = VAR_PAGE, .order = 2, .value = hand_alloc(m, GFP_KERNEL, 2)};

	cr_assert_eq(var_set(m, &m->vars, "buf", 3, 17, &var), 0);
	cr_expect_str_eq(line_of(m, var.value + 2, "owner"), "name buf.17");
	cr_assert_eq(replay_line(r, m, line, strlen(line), 1), 0);
	uint64_t pfn = pfn_map_find(m, &m->replayed, 0x362458)->pfn;
	cr_expect_str_eq(line_of(m, pfn + 1, "owner"), "the recording, as pfn 0x362459");
	replay_free(r);
	hand_destroy(m);
}

Test(page, one_spelling)
{
	struct machine *m = machine();
	struct session s = {.m = m};
	struct view v = {.s = &s, .m = m};
	struct var page = {.kind = VAR_PAGE, .value = 0x123},
		   number = {.kind = VAR_NUMBER, .value = 5};
	static const struct {
		const char *name;
		uint64_t pfn;
	} good[] = {{"0x0", 0}, {"0x1f400", 0x1f400}, {"buf", 0x123}, {"buf+0", 0x123},
		{"buf+16", 0x133}, {"p.7", 0x123}};
	static const char *const bad[] = {"", "0", "128000", "1f400", "0x", "0x01f400", "0x1F400",
		"0X1f400", "0x1f400+1", "-1", "0x10000000000000000", "0x20000000000000", "nosuch",
		"buf.1", "buf+", "buf+x", "buf-1", "buf+99999999999999999999", "p", "p.", "p.8",
		"p.4294967295", "n", ".", "+1", "p.7.7"};
	uint64_t value;

	cr_assert_eq(var_set(m, &m->vars, "buf", 3, VAR_NO_INDEX, &page), 0);
	cr_assert_eq(var_set(m, &m->vars, "p", 1, 7, &page), 0);
	cr_assert_eq(var_set(m, &m->vars, "n", 1, VAR_NO_INDEX, &number), 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		cr_expect_eq(page_arg.parse(&v, good[i].name, strlen(good[i].name), &value), 0,
			"%s", good[i].name);
		cr_expect_eq(value, good[i].pfn, "%s", good[i].name);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_eq(
			page_arg.parse(&v, bad[i], strlen(bad[i]), &value), -ENOENT, "%s", bad[i]);
	/* What is listed: the zone's first page and the two pages with names. */
	char name[64], all[200] = "";
	for (uint64_t key = 0; page_arg.next(&v, &key, name, sizeof(name)); key++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", name);
	cr_expect_str_eq(all, "0x0 buf p.7 ");
	hand_destroy(m);
}
