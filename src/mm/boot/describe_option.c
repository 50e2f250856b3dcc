/* SPDX-License-Identifier: MIT
 *
 * -o options that change the machine: one row each, with the check of its value.
 *
 * An option is kept as it was written and takes effect in describe_finish(), so the same name may
 * be given again (`reboot ram=1G`) and changes only what it names, whatever was given before.
 */
#include "base/parse.h"
#include "base/text.h"
#include "mm/boot/arch.h"
#include "mm/core/cmdline.h"
#include "mm/boot/ranges.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef bool check_fn(const char *value, size_t len);

static bool is_size(const char *value, size_t len)
{
	uint64_t bytes;

	return parse_size(value, len, &bytes) && bytes;
}

static bool is_ram(const char *value, size_t len)
{
	const char *at = memchr(value, '@', len);
	uint64_t start;

	if (!at)
		return is_size(value, len);
	size_t n = (size_t)(at - value);
	return is_size(value, n) && parse_size(at + 1, len - n - 1, &start);
}

static bool is_count(const char *value, size_t len)
{
	uint64_t n;

	return parse_u64(value, len, 10, &n) && n && n <= 4096;
}

static bool is_number(const char *value, size_t len)
{
	uint64_t n;

	return parse_u64(value, len, 0, &n);
}

/* What follows cma= on a kernel command line; `0` for none. */
static bool is_cma(const char *value, size_t len)
{
	char word[80];
	struct cmdline c;

	snprintf(word, sizeof(word), "cma=%.*s", (int)(len < 64 ? len : 64), value);
	return len && !strpbrk(value, " \t\"") && !cmdline_parse(&c, word, ARCH_X86_64, NULL) &&
	       c.cma_given && !*c.malformed;
}

static bool is_checks(const char *value, size_t len)
{
	return parse_is(value, len, "full") || parse_is(value, len, "normal");
}

/* Those that have their own sentence. */
static bool is_anything(const char *value, size_t len)
{
	(void)value;
	(void)len;
	return true;
}

#define OPT(field)                                                                                 \
	offsetof(struct machine_desc, opt.field), sizeof(((struct machine_desc *)0)->opt.field)

static const struct {
	const char *name;
	size_t at, cap;
	check_fn *check;
	const char *argument;
	const char *right; /* completes "it is ..." */
	const char *doc;
} options[] = {
	{"ram", OPT(ram), is_ram, "SIZE[@ADDRESS]", "a size like 512M or 2G, or 2G@0x80000000",
		"how much RAM the machine has, instead of what its description says; a board whose "
		"boot loader would "
		"fill in the memory node needs it"},
	{"maxram", OPT(maxram), is_size, "SIZE", "a size like 8G",
		"up to how much RAM may be plugged in later: address space is kept for it"},
	{"cpus", OPT(cpus), is_count, "N", "a number from 1 to 4096", "how many CPUs are online"},
	{"nodes", OPT(nodes), is_count, "N", "a number from 1 to 64",
		"spread RAM and CPUs evenly over N NUMA nodes"},
	{"cma", OPT(cma), is_cma, "SIZE[@START[-END]]",
		"as on the kernel's command line: 64M, 64M@0-1G, 0 for none",
		"size of the default contiguous memory area (the kernel's cma=)"},
	{"cmdline", OPT(cmdline), is_anything, "'NAME=VALUE ...'", "",
		"parameters for the kernel, added to those of the description: mem=, memmap=, "
		"cma=, highmem=, vmalloc=, "
		"kernelcore=, movablecore=, numa=fake=, transparent_hugepage= and others shape "
		"memory"},
	{"config", OPT(config), is_anything, "debian,+NAME,-NAME", "",
		"the kernel's configuration: `debian` is exactly Debian 12's, +NAME and -NAME "
		"switch options"},
	{"seed", OPT(seed), is_number, "N", "a number",
		"seed of all that is random: same seed, same machine"},
	{"host_max", OPT(host_max), is_size, "SIZE", "a size like 1G",
		"the most memory of this host that the simulation may use; beyond it acts fail "
		"with EDQUOT"},
	{"checks", OPT(checks), is_checks, "full", "`full` or `normal`",
		"full: verify all invariants after every change (slow)"},
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

bool describe_option_nth(unsigned i, const char **name, const char **argument, const char **doc)
{
	if (i >= NR_OPTIONS)
		return false;
	*name = options[i].name;
	*argument = options[i].argument;
	*doc = options[i].doc;
	return true;
}

static int check_config(const struct machine_desc *d, const char *value, struct refusal *why)
{
	struct config_set set = arch_config_default(d->arch, d->variant);

	return config_edit(&set, arch_config_debian(d->arch, d->variant), value, why);
}

static int check_cmdline(const struct machine_desc *d, const char *value, struct refusal *why)
{
	struct cmdline c;
	int err = cmdline_parse(&c, value, d->arch, why);

	if (!err && *c.malformed)
		err = refuse(why, EINVAL, "cmdline: the kernel does not understand the value of%s",
			c.malformed);
	return err;
}

int describe_option(
	struct machine_desc *d, const char *name, const char *value, struct refusal *why)
{
	unsigned i = 0;
	size_t len = value ? strlen(value) : 0;

	while (i < NR_OPTIONS && strcmp(options[i].name, name))
		i++;
	if (i == NR_OPTIONS)
		return -ENOENT;
	if (!value)
		return refuse(
			why, EINVAL, "%s needs a value: %s=%s", name, name, options[i].argument);
	if (len >= options[i].cap)
		return refuse(why, EINVAL, "the value of %s is longer than %zu bytes", name,
			options[i].cap - 1);
	/* An empty value takes the option back. */
	if (len && !options[i].check(value, len))
		return refuse(why, EINVAL, "%s=%s: it is %s", name, value, options[i].right);
	int err = 0;
	if (!strcmp(name, "config"))
		err = check_config(d, value, why);
	else if (!strcmp(name, "cmdline"))
		err = check_cmdline(d, value, why);
	if (!err)
		memcpy((char *)d + options[i].at, value, len + 1);
	return err;
}

void describe_options_line(struct machine_desc *d)
{
	size_t used = 0;

	d->options[0] = '\0';
	for (unsigned i = 0; i < NR_OPTIONS; i++) {
		const char *value = (const char *)d + options[i].at;

		if (!*value)
			continue;
		used += (size_t)snprintf(d->options + used, sizeof(d->options) - used,
			"%s%s=", used ? "," : "", options[i].name);
		/* A comma inside a value is written \, for mount(8). */
		for (; *value && used + 3 < sizeof(d->options); value++) {
			if (*value == ',')
				d->options[used++] = '\\';
			d->options[used++] = *value;
		}
		d->options[used] = '\0';
	}
}
