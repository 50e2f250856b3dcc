/* SPDX-License-Identifier: MIT
 *
 * Claim: one grammar reads what C, strace and a hand write; names are typed and come in ranges; every refusal says
 * what would be right.
 */
#include "support/world.h"

#include "tree/tree.h"
#include "view/call_parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct simm *machine(void)
{
	return world("pc-i386", "ram", "64M", "cpus", "2", NULL);
}

/* The latest refusal's sentence. */
static const char *sentence(struct simm *simm)
{
	const char *text = world_cat(simm, "sim/errors"), *last = text;

	for (const char *s = text; s && *s; s = strchr(s, '\n'), s += s != NULL)
		if (*s != ' ')
			last = s;
	return last;
}

static unsigned count(struct simm *simm, const char *base)
{
	const struct machine *m = simm->session.m;
	uint32_t index = 0;
	unsigned n = 0;

	for (; var_next_index(m, &m->vars, base, strlen(base), &index); index++)
		n++;
	return n;
}

Test(ctl, one_grammar)
{
	struct simm *simm = machine();
	static const char *const spellings[] = {
		"alloc_pages GFP_KERNEL 1",
		"alloc_pages(GFP_KERNEL, 1)",
		"alloc_pages(GFP_KERNEL, 1);",
		"  alloc_pages\tGFP_KERNEL|__GFP_ZERO,1  # with a comment",
		"alloc_pages GFP_KERNEL+__GFP_ZERO 0x1",
		"x = alloc_pages(GFP_KERNEL, 1)",
		"x=alloc_pages(GFP_KERNEL, 1)",
		"x =alloc_pages(GFP_KERNEL, 1)",
		"x.7 = alloc_pages GFP_KERNEL 1",
		"alloc_pages(GFP_KERNEL, 1) = 0x7f0000001000",
		"alloc_pages(GFP_KERNEL, 1) = -1 ENOMEM (Cannot allocate memory)",
	};

	for (unsigned i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		const char *result = world_call(simm, spellings[i]);

		cr_assert_eq(strncmp(result, "0x", 2), 0, "%s: %s", spellings[i], result);
		cr_assert_not_null(strstr(result, "order=1"), "%s: %s", spellings[i], result);
	}
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(ctl, words)
{
	struct simm *simm = machine();
	struct view v = {.s = &simm->session, .m = simm->session.m, .aux = CALL_SIM};
	static const char line[] = "reboot \"a b, (c)\" [1, [2], \"]\"] {x={y, 1}, z} # not this";
	struct parsed_call p;

	/* Strings, arrays and structs are one word each; the rest of the line ends before a comment. */
	cr_assert_eq(call_parse(&v, CALL_SIM, line, strlen(line), &p), 0);
	cr_assert_eq(p.call.arg[0].len, strlen("\"a b, (c)\" [1, [2], \"]\"] {x={y, 1}, z}"));
	/* What strace printed behind the call. */
	static const char traced[] = "alloc_pages(GFP_KERNEL, 0) = 0x1f400";
	cr_assert_eq(call_parse(&v, CALL_SIM, traced, strlen(traced), &p), 0);
	cr_assert(p.call.recorded_given);
	cr_assert_eq(p.call.recorded, 0x1f400);
	/* Unclosed ones end with the line. */
	static const char *const open[] = {"reboot \"abc", "reboot [1, 2", "reboot {",
		"reboot \"\\", "reboot {\"", "[", "\"="};
	for (unsigned i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		call_parse(&v, CALL_SIM, open[i], strlen(open[i]), &p);
	simm_destroy(simm);
}

Test(ctl, numbers)
{
	struct simm *simm = machine();
	char line[128];

	/* Page frame numbers are decimal unless they have 0x; addresses are hexadecimal with or without. */
	unsigned long long pfn, address;
	cr_assert_eq(sscanf(world_call(simm, "a = __get_free_pages GFP_KERNEL 0"), "%llx pfn=%llx",
			     &address, &pfn),
		2);
	snprintf(line, sizeof(line), "get_page %llu", pfn);
	world_call(simm, line);
	snprintf(line, sizeof(line), "put_page %#llx", pfn);
	world_call(simm, line);
	snprintf(line, sizeof(line), "free_pages %llx 0", address);
	world_call(simm, line);
	simm_destroy(simm);
}

Test(ctl, refusals_say_what_would_be_right)
{
	struct simm *simm = machine();
	static const struct {
		const char *line;
		int err;
		const char *part;
	} cases[] = {
		{"aloc_pages GFP_KERNEL", EINVAL, "alloc_pages"},
		{"alloc_pages GFP_KERNAL", EINVAL, "GFP_KERNEL"},
		{"alloc_pages", EINVAL, "alloc_pages GFP [ORDER=0]"},
		{"alloc_pages GFP_KERNEL 1 2", EINVAL, "alloc_pages GFP [ORDER=0]"},
		{"alloc_pages GFP_KERNEL two", EINVAL, "an order"},
		{"alloc_pages GFP_KERNEL 11", EINVAL, "from 0 to 10"},
		{"alloc_pages GFP_KERNEL -1", EINVAL, "alloc_pages GFP [ORDER=0]"},
		{"alloc_pages GFP_KERNEL 99999999999999999999", EINVAL,
			"alloc_pages GFP [ORDER=0]"},
		{"alloc_pages_node 7 GFP_KERNEL", EINVAL, "node"},
		{"kmalloc_node 100 GFP_KERNEL number", EINVAL, "nodes go from 0"},
		{"__free_pages 0xfffffff", EINVAL, "no struct page"},
		{"__free_pages nobody", ENOENT, "sim/vars"},
		{"__free_pages buf.x", EINVAL, "FIRST-LAST"},
		{"__free_pages buf.9-3", EINVAL, "FIRST-LAST"},
		{"__free_pages buf.0-9:3/2", EINVAL, "FIRST-LAST"},
		{"__free_pages buf.0-9:1/0", EINVAL, "FIRST-LAST"},
		{"__free_pages buf+x", EINVAL, "pages"},
		{"__free_pages buf+99999999", EINVAL, "no struct page"},
		{"9buf = alloc_page GFP_KERNEL", EINVAL, "name"},
		{"buf+1 = alloc_page GFP_KERNEL", EINVAL, "OFFSET"},
		{"buf =", EINVAL, "call"},
		{"= alloc_page GFP_KERNEL", EINVAL, "name"},
		{"free_pages buf", EINVAL, "__free_pages"},
		{"__free_pages addr", EINVAL, "free_pages"},
		{"reboot rom=1G", EINVAL, "ram"},
		{"reboot ram", EINVAL, "ram=VALUE"},
		{"reboot cmdline=\"mem=1G", EINVAL, "quote"},
	};

	world_call(simm, "buf = alloc_pages GFP_KERNEL 1");
	world_call(simm, "addr = __get_free_pages GFP_KERNEL 1");
	world_call(simm, "number = page_to_pfn 0x100");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert_eq(world_refused(simm, cases[i].line), cases[i].err, "%s: %s",
			cases[i].line, sentence(simm));
		cr_assert_not_null(strstr(sentence(simm), cases[i].part), "%s: %s", cases[i].line,
			sentence(simm));
	}
	/* Each CPU has a file that takes the kernel's functions, but not the machine's verbs. */
	cr_assert_eq(world_write(simm, "sim/cpu1/ctl", "alloc_page GFP_KERNEL\n"), 22);
	cr_assert_eq(world_write(simm, "sim/cpu1/ctl", "reboot\n"), -EINVAL);
	cr_assert_not_null(strstr(sentence(simm), "sim/ctl"));
	cr_assert_eq(world_write(simm, "sim/cpu2/ctl", "alloc_page GFP_KERNEL\n"), -ENOENT);
	simm_destroy(simm);
}

Test(ctl, ranges)
{
	struct simm *simm = machine();

	const char *result = world_call(simm, "p.0-999 = alloc_pages GFP_KERNEL 0");
	cr_assert_eq(strncmp(result, "1000 first=0x", 13), 0, "%s", result);
	cr_assert_not_null(strstr(result, "names=p.0-999"), "%s", result);
	cr_assert_eq(count(simm, "p"), 1000);
	/* Every second one, as Linux's cpulists: the first 1 of every 2. */
	result = world_call(simm, "__free_pages p.0-999:1/2 0");
	cr_assert_eq(strncmp(result, "500", 3), 0, "%s", result);
	cr_assert_neq(world_refused(simm, "__free_pages p.0 0"), 0);
	result = world_call(simm, "__free_pages p.1-999:1/2");
	cr_assert_eq(strncmp(result, "500", 3), 0, "%s", result);
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
	/* One call's refusal in the middle: what was done before stays, and the sentence says how much. */
	world_call(simm, "q.0-9 = alloc_page GFP_KERNEL");
	world_call(simm, "__free_page q.5");
	cr_assert_eq(world_refused(simm, "__free_page q.0-9"), EINVAL);
	cr_assert_not_null(strstr(sentence(simm), "q.5: "), "%s", sentence(simm));
	cr_assert_not_null(strstr(sentence(simm), "5 done before"), "%s", sentence(simm));
	world_call(simm, "__free_page q.6-");
	/* Gaps are skipped; a range without any name is refused. */
	world_call(simm, "r.3 = alloc_page GFP_KERNEL");
	world_call(simm, "r.4000000 = alloc_page GFP_KERNEL");
	result = world_call(simm, "__free_page r.0-");
	cr_assert_eq(strncmp(result, "2", 1), 0, "%s", result);
	cr_assert_eq(world_refused(simm, "__free_page s.0-9"), ENOENT);
	/* Two ranges go in step. */
	world_call(simm, "t.0-9 = alloc_page GFP_KERNEL");
	world_call(simm, "u.100-109 = get_page t.0-9");
	world_call(simm, "put_page t.0-9");
	world_call(simm, "put_page t.0-9");
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

Test(ctl, a_range_without_an_end_goes_on_until_refused)
{
	struct simm *simm = machine();

	const char *result = world_call(simm, "p.0- = alloc_pages GFP_KERNEL 4");
	unsigned made;
	cr_assert_eq(sscanf(result, "%u", &made), 1);
	cr_assert_not_null(strstr(result, "stopped=ENOMEM why=\""), "%s", result);
	cr_assert_eq(count(simm, "p"), made);
	cr_assert_gt(made, 100);
	/* Refused at once, it is refused. */
	cr_assert_eq(world_refused(simm, "q.0- = alloc_pages GFP_KERNEL 4"), ENOMEM);
	/* Names in use are not overwritten. */
	world_call(simm, "__free_pages p.7");
	world_call(simm, "__free_pages p.9");
	struct simm_node vars, node;
	cr_assert_eq(simm_resolve(simm, "sim/vars", &vars), 0);
	cr_assert_eq(simm_unlink(simm, &vars, "p.7"), 0);
	cr_assert_eq(simm_unlink(simm, &vars, "p.9"), 0);
	cr_assert_eq(simm_lookup(simm, &vars, "p.9", &node), -ENOENT);
	result = world_call(simm, "p.0- = alloc_pages GFP_KERNEL 4");
	cr_assert_eq(strncmp(result, "2 ", 2), 0, "%s", result);
	cr_assert_not_null(strstr(result, "names=p.7-9"), "%s", result);
	/* A call that gives nothing does not go on for ever. */
	result = world_call(simm, "n.0- = drain_all_pages");
	cr_assert_eq(strncmp(result, "1 stopped=EINVAL", 16), 0, "%s", result);
	simm_destroy(simm);
}

Test(ctl, cpulist_groups)
{
	static const struct {
		const char *word, *indices;
	} cases[] = {
		{"p.0-9:2/5", "0 1 5 6"},
		{"p.3-9:1/3", "3 6 9"},
		{"p.4", "4"},
		{"p.4-4", "4"},
		{"p.0-3", "0 1 2 3"},
		{"p.8-11:1/2", "8 10"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct word w = {cases[i].word, (uint32_t)strlen(cases[i].word), 1};
		struct name_ref ref;
		char got[64] = "";
		size_t len = 0;

		cr_assert_eq(name_parse(&w, &ref, NULL), 0);
		for (uint32_t at = name_next_index(&ref, 0); at != VAR_NO_INDEX;
			at = name_next_index(&ref, at + 1))
			len += (size_t)snprintf(
				got + len, sizeof(got) - len, "%s%u", len ? " " : "", at);
		cr_assert_str_eq(got, cases[i].indices, "%s: %s", cases[i].word, got);
	}
}

Test(ctl, names_are_files)
{
	struct simm *simm = machine();
	struct simm_node node;
	struct simm_attr attr;

	world_call(simm, "buf = alloc_pages GFP_KERNEL 2");
	cr_assert_eq(strncmp(world_cat(simm, "sim/vars/buf"), "struct page at pfn 0x", 21), 0);
	cr_assert_not_null(strstr(world_cat(simm, "sim/vars/buf"), "order 2: 4 pages, 16 KiB"));
	cr_assert_eq(simm_resolve(simm, "sim/vars/buf", &node), 0);
	cr_assert_eq(simm_getattr(simm, &node, &attr), 0);
	world_call(simm, "__free_pages buf");
	struct simm_node vars;
	cr_assert_eq(simm_resolve(simm, "sim/vars", &vars), 0);
	cr_assert_eq(simm_unlink(simm, &vars, "buf"), 0);
	cr_assert_eq(simm_getattr(simm, &node, &attr), -ENOENT);
	cr_assert_eq(simm_unlink(simm, &vars, "buf"), -ENOENT);
	/* One spelling a name. */
	world_call(simm, "p.7 = alloc_page GFP_KERNEL");
	cr_assert_eq(simm_resolve(simm, "sim/vars/p.7", &node), 0);
	cr_assert_eq(simm_resolve(simm, "sim/vars/p.07", &node), -ENOENT);
	cr_assert_eq(simm_resolve(simm, "sim/vars/p", &node), -ENOENT);
	simm_destroy(simm);
}

Test(ctl, reboot_changes_only_what_it_names)
{
	struct simm *simm = machine();

	world_call(simm, "buf = alloc_page GFP_KERNEL");
	world_call(simm, "reboot ram=128M");
	const struct machine *m = simm->session.m;
	cr_assert_eq(m->nr_cpus, 2);
	cr_assert(m->end_pfn > (120u << 20) >> PAGE_SHIFT &&
		  m->end_pfn <= (128u << 20) >> PAGE_SHIFT);
	cr_assert_eq(m->vars.nr_values, 0);
	world_call(simm, "reboot cpus=3");
	m = simm->session.m;
	cr_assert_eq(m->nr_cpus, 3);
	cr_assert(m->end_pfn > (120u << 20) >> PAGE_SHIFT &&
		  m->end_pfn <= (128u << 20) >> PAGE_SHIFT);
	/* A refused one keeps the machine. */
	world_call(simm, "keep = alloc_page GFP_KERNEL");
	cr_assert_neq(world_refused(simm, "reboot ram=4K"), 0);
	cr_assert_neq(world_refused(simm, "reboot ram=64M cpus=many"), 0);
	cr_assert_eq(simm->session.m, m);
	cr_assert_eq(m->vars.nr_values, 1);
	world_call(simm, "reboot cmdline=\"mem=64M cma=8M\", cpus=1");
	cr_assert_str_eq(simm->session.m->cmdline, "mem=64M cma=8M");
	cr_assert_eq(simm->session.m->nr_cpus, 1);
	/* Files of what is gone say so. */
	struct simm_node node;
	cr_assert_eq(simm_resolve(simm, "sim/cpu2/ctl", &node), -ENOENT);
	simm_destroy(simm);
}

Test(ctl, files_open_over_a_reboot)
{
	struct simm *simm = machine();
	struct simm_open *open = world_open(simm, "sim/cpu1/ctl", SIMM_O_READ | SIMM_O_WRITE);

	cr_assert_eq(world_puts(open, "alloc_page GFP_KERNEL\n"), 22);
	world_call(simm, "reboot cpus=1");
	cr_assert_eq(world_puts(open, "alloc_page GFP_KERNEL\n"), -ENODEV);
	cr_assert_eq(world_puts(open, "drain_local_pages\n"), -ENODEV);
	cr_assert(strstr(world_cat(simm, "sim/errors"), "rebooted"));
	world_call(simm, "reboot cpus=2");
	cr_assert_eq(world_puts(open, "# it is there again\nalloc_page GFP_KERNEL\n"), 42);
	simm_release(open);
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_destroy(simm);
}

/* A reader waits for one slice at most: that is a number of steps, and none of them may do it all. */
Test(ctl, a_mix_is_cut_into_slices)
{
	struct simm *simm = world("pc-i386", "ram", "64M", "checks", "full", NULL);
	struct simm_open *open = world_open(simm, "sim/ctl", SIMM_O_READ | SIMM_O_WRITE);
	struct simm_write *w = simm_write_begin(open, "mix 1 2000\n", 11, 0, 1);
	unsigned slices = 1;

	while (simm_write_step(w) == SIMM_MORE)
		slices++;
	cr_assert_eq(simm_write_end(w), 11);
	cr_assert_gt(slices, 100, "%u slices with all checks", slices);
	simm_release(open);
	simm_destroy(simm);
	simm = world("pc-i386", "ram", "64M", NULL);
	open = world_open(simm, "sim/ctl", SIMM_O_READ | SIMM_O_WRITE);
	w = simm_write_begin(open, "mix 1 20000\n", 12, 0, 1);
	for (slices = 1; simm_write_step(w) == SIMM_MORE; slices++)
		;
	cr_assert_eq(simm_write_end(w), 12);
	cr_assert_gt(slices, 8, "%u slices", slices);
	/* A signal: all that it held is freed, and nothing is named. */
	world_call(simm, "reboot");
	w = simm_write_begin(open, "mix 1 200000\n", 13, 0, 1);
	for (slices = 0; slices < 4; slices++)
		cr_assert_eq(simm_write_step(w), SIMM_MORE);
	simm_write_interrupt(w);
	while (simm_write_step(w) == SIMM_MORE)
		;
	cr_assert_eq(simm_write_end(w), -EINTR);
	world_call(simm, "drain_all_pages");
	cr_assert_eq(simm->session.m->vars.nr_values, 0);
	cr_assert_str_eq(world_cat(simm, "sim/check"), "ok\n");
	simm_release(open);
	simm_destroy(simm);
}

Test(ctl, help_and_last)
{
	struct simm *simm = machine();
	const char *name, *doc;
	char usage[256], path[128];

	for (unsigned i = 0; simm_call_nth(i, &name, usage, sizeof(usage), &doc); i++) {
		struct simm_node node;

		snprintf(path, sizeof(path), "sim/help/%s", name);
		if (simm_resolve(simm, path, &node))
			continue; /* the configuration lacks it */
		const char *text = world_cat(simm, path);
		cr_assert_eq(strncmp(text, usage, strlen(usage)), 0, "%s", text);
		cr_assert_not_null(strstr(text, doc), "%s", text);
	}
	world_call(simm, "buf = alloc_pages GFP_KERNEL 2");
	cr_assert_not_null(strstr(world_cat(simm, "sim/last"), "order=2"));
	cr_assert_not_null(strstr(world_cat(simm, "sim/bashrc"), "call()"));
	simm_destroy(simm);
}
