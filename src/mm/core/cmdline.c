/* SPDX-License-Identifier: MIT
 *
 * The kernel command line: words, quoted or not, `name=value`; '-' and '_' in names are one.
 *
 * Three kinds of names: those that shape memory are parsed here, by the rules of their own setup
 * functions; those that Linux knows but that shape nothing here are passed over; the rest is
 * unknown and goes to user space, which the kernel says in its log. A name with a dot is a
 * module's, which the kernel does not count as unknown.
 *
 * Sizes are memparse()'s: hex, octal or decimal digits and one of KMGTPE.
 *
 * Left out: bootconfig, parameters after "--". Follows arch/x86/kernel/e820.c (mem=, memmap=),
 * kernel/dma/contiguous.c (cma=), arch/x86/mm/init_32.c (highmem=, vmalloc=), mm/page_alloc.c
 * (kernelcore=, movablecore=), Documentation/admin-guide/kernel-parameters.txt of 6.1.
 */
#include "mm/core/cmdline.h"

#include "base/parse.h"
#include "mm/machine.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	const char *name;
	size_t name_len;
	const char *value; /* NULL without '=' */
	size_t value_len;
	const char *text; /* the whole word, quotes and all */
	size_t text_len;
};

/* The next word from *at; false at the end. */
static bool next_word(const char **at, struct word *w)
{
	const char *s = *at;
	bool quoted = false;

	while (isspace((unsigned char)*s))
		s++;
	if (!*s)
		return false;
	*w = (struct word){.text = s};
	if (*s == '"') {
		quoted = true;
		s++;
	}
	w->name = s;
	for (; *s && (quoted || !isspace((unsigned char)*s)); s++) {
		if (*s == '=' && !w->value) {
			w->name_len = (size_t)(s - w->name);
			w->value = s + 1;
		}
		if (*s == '"')
			quoted = !quoted;
	}
	w->text_len = (size_t)(s - w->text);
	if (!w->value)
		w->name_len = (size_t)(s - w->name);
	else
		w->value_len = (size_t)(s - w->value);
	if (w->value_len && *w->value == '"') {
		w->value++;
		w->value_len--;
	}
	if (w->value_len && w->value[w->value_len - 1] == '"')
		w->value_len--;
	*at = s;
	return true;
}

static bool is(const struct word *w, const char *name)
{
	size_t i = 0;

	for (; i < w->name_len && name[i]; i++) {
		char c = w->name[i] == '-' ? '_' : w->name[i];

		if (c != name[i])
			return false;
	}
	return i == w->name_len && !name[i];
}

/* A size at *s of *len bytes, as memparse(): moves behind it. False without a digit or beyond 64
 * bits. */
static bool take_size(const char **s, size_t *len, uint64_t *value)
{
	size_t n = 0;
	bool hex = *len > 2 && (*s)[0] == '0' && ((*s)[1] | 32) == 'x';

	for (n = hex ? 2 : 0; n < *len && (hex ? isxdigit((unsigned char)(*s)[n])
					       : isdigit((unsigned char)(*s)[n]));)
		n++;
	if (!parse_u64(*s, n, hex ? 16 : 10, value))
		return false;
	unsigned shift = 0;
	if (n < *len) {
		static const char units[] = "kmgtpe";
		const char *unit = strchr(units, (*s)[n] | 32);

		if (unit && *unit) {
			shift = 10 * (unsigned)(unit - units + 1);
			n++;
		}
	}
	if (shift && *value >> (64 - shift))
		return false;
	*value <<= shift;
	*s += n;
	*len -= n;
	return true;
}

static bool whole_size(const struct word *w, uint64_t *value)
{
	const char *s = w->value;
	size_t len = w->value_len;

	return s && take_size(&s, &len, value) && !len;
}

static bool add_memmap(struct cmdline *c, uint64_t start, uint64_t bytes, char kind)
{
	if (c->nr_memmap == CMDLINE_MAX_MEMMAP || (kind && bytes > UINT64_MAX - start))
		return false;
	c->memmap[c->nr_memmap++] = (struct cmdline_memmap){start, bytes, kind};
	return true;
}

static bool parse_mem(struct cmdline *c, const struct word *w, enum arch arch)
{
	const char *s = w->value;
	size_t len = w->value_len;
	uint64_t bytes, start;

	if (!s || !take_size(&s, &len, &bytes))
		return s && arch_is_x86(arch) && parse_is(s, len, "nopentium");
	if (len && *s == '@' && arch == ARCH_ARM) {
		s++;
		len--;
		return take_size(&s, &len, &start) && !len && bytes &&
		       add_memmap(c, start, bytes, '@');
	}
	if (len || !bytes)
		return false;
	c->mem_bytes = bytes;
	return true;
}

/* One of memmap='s items. */
static bool parse_memmap_item(struct cmdline *c, const char *s, size_t len)
{
	uint64_t bytes, start;

	if (parse_is(s, len, "exactmap")) {
		c->exactmap = true;
		c->nr_memmap = 0;
		return true;
	}
	if (!take_size(&s, &len, &bytes))
		return false;
	if (!len)
		return bytes && add_memmap(c, 0, bytes, 0);
	char kind = *s++;
	len--;
	return strchr("@#$!", kind) && take_size(&s, &len, &start) && !len && bytes &&
	       add_memmap(c, start, bytes, kind);
}

static bool parse_memmap(struct cmdline *c, const struct word *w)
{
	const char *s = w->value;
	bool fine = s != NULL;

	for (size_t left = w->value_len; s && fine;) {
		const char *comma = memchr(s, ',', left);
		size_t len = comma ? (size_t)(comma - s) : left;

		fine = parse_memmap_item(c, s, len);
		if (!comma)
			break;
		s += len + 1;
		left -= len + 1;
	}
	return fine;
}

static bool parse_cma(struct cmdline *c, const struct word *w)
{
	const char *s = w->value;
	size_t len = w->value_len;
	uint64_t bytes, start = 0, end = 0;

	if (!s || !take_size(&s, &len, &bytes))
		return false;
	if (len && *s == '@') {
		s++;
		len--;
		if (!take_size(&s, &len, &start))
			return false;
		end = start + bytes;
		if (len && *s == '-') {
			s++;
			len--;
			if (!take_size(&s, &len, &end))
				return false;
		}
	}
	c->cma_given = true;
	c->cma_bytes = bytes;
	c->cma_start = start;
	c->cma_end = end;
	return !len;
}

static bool parse_core(const struct word *w, uint64_t *bytes, unsigned *percent)
{
	uint64_t value;

	if (w->value && w->value_len && w->value[w->value_len - 1] == '%') {
		if (!parse_u64(w->value, w->value_len - 1, 10, &value) || value > 100)
			return false;
		*percent = (unsigned)value;
		*bytes = 0;
		return true;
	}
	*percent = 0;
	return whole_size(w, bytes);
}

static bool parse_numa(struct cmdline *c, const struct word *w)
{
	uint64_t value;

	if (!w->value)
		return false;
	if (parse_is(w->value, w->value_len, "off")) {
		c->numa_off = true;
		return true;
	}
	if (w->value_len > 5 && !memcmp(w->value, "fake=", 5)) {
		const char *s = w->value + 5;
		size_t len = w->value_len - 5;

		if (!take_size(&s, &len, &value) || len || !value)
			return false;
		bool size = strchr("kmgtpeKMGTPE", s[-1]) != NULL;
		c->numa_fake = size ? 0 : value > MAX_NODES ? MAX_NODES : (unsigned)value;
		c->numa_fake_bytes = size ? value : 0;
		return true;
	}
	return parse_is(w->value, w->value_len, "noacpi") ||
	       parse_is(w->value, w->value_len, "nohmat");
}

static bool parse_swiotlb(struct cmdline *c, const struct word *w)
{
	const char *s = w->value;
	size_t len = w->value_len;

	if (!s)
		return false;
	if (len && isdigit((unsigned char)*s)) {
		c->swiotlb_given = true;
		if (!take_size(&s, &len, &c->swiotlb_slabs))
			return false;
	}
	while (len) {
		size_t n = 0;

		while (n < len && s[n] != ',')
			n++;
		if (parse_is(s, n, "force"))
			c->swiotlb_force = true;
		else if (parse_is(s, n, "noforce"))
			c->swiotlb_off = true;
		s += n + (n < len);
		len -= n + (n < len);
	}
	return true;
}

static bool parse_cpus(struct cmdline *c, const struct word *w)
{
	uint64_t value;

	if (!w->value || !parse_u64(w->value, w->value_len, 10, &value))
		return false;
	c->max_cpus = value ? (value > MAX_CPUS ? MAX_CPUS : (unsigned)value) : 1;
	return true;
}

/* pti=on|off|auto; other words are "auto", as the kernel takes them. */
static void parse_pti(struct cmdline *c, const struct word *w)
{
	c->pti_on = w->value && parse_is(w->value, w->value_len, "on");
	c->pti_off = w->value && parse_is(w->value, w->value_len, "off");
}

/* kstrtobool(): what decides is the first letter, of "on" and "off" the second. */
static bool parse_switch(const struct word *w, bool *on)
{
	char first = w->value_len ? w->value[0] | 32 : 0;
	char second = w->value_len > 1 ? w->value[1] | 32 : 0;

	if (first == 'y' || first == 't' || (w->value_len && w->value[0] == '1') ||
		(first == 'o' && second == 'n'))
		*on = true;
	else if (first == 'n' || first == 'f' || (w->value_len && w->value[0] == '0') ||
		 (first == 'o' && second == 'f'))
		*on = false;
	else
		return false;
	return true;
}

/* Words that keep an x86 kernel from using what the CPU has. */
static bool parse_x86(struct cmdline *c, const struct word *w)
{
	if (is(w, "nopti"))
		c->pti_off = true;
	else if (is(w, "pti"))
		parse_pti(c, w);
	else if (is(w, "mitigations"))
		c->mitigations_off = w->value && parse_is(w->value, w->value_len, "off");
	else if (is(w, "nopcid"))
		c->nopcid = true;
	else if (is(w, "no5lvl"))
		c->no5lvl = true;
	else if (is(w, "nosmep"))
		c->nosmep = true;
	else if (is(w, "nosmap"))
		c->nosmap = true;
	else if (is(w, "nogbpages"))
		c->nogbpages = true;
	else
		return false;
	return true;
}

/* The words of a value, comma between. False: no more. */
static bool next_item(const struct word *w, size_t *at, const char **item, size_t *len)
{
	if (!w->value || *at >= w->value_len)
		return false;
	*item = w->value + *at;
	for (*len = 0; *at < w->value_len && w->value[*at] != ',';)
		++*len, ++*at;
	*at += *at < w->value_len;
	return true;
}

static bool begins(const char *item, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(item, with, strlen(with));
}

/* iommu_setup() of x86: words are told by how they begin. */
static void parse_x86_iommu(struct cmdline *c, const struct word *w)
{
	const char *item;
	size_t at = 0, len;

	while (next_item(w, &at, &item, &len)) {
		c->iommu_off |= begins(item, len, "off");
		if (begins(item, len, "pt") || begins(item, len, "nopt")) {
			c->iommu_type_given = true;
			c->iommu_passthrough = *item == 'p';
		}
	}
}

/* intel_iommu_setup(); what it says of its words is boot's to print. */
static bool parse_intel_iommu(struct cmdline *c, const struct word *w)
{
	const char *item;
	size_t at = 0, len;

	if (!w->value)
		return false;
	snprintf(c->intel_iommu, sizeof(c->intel_iommu), "%.*s", (int)w->value_len, w->value);
	while (next_item(w, &at, &item, &len)) {
		if (begins(item, len, "on"))
			c->iommu_off = false;
		c->iommu_off |= begins(item, len, "off");
		c->iommu_set_strict |= begins(item, len, "strict");
	}
	return true;
}

/* False when the name is none of the IOMMU's; *@fine: the value is one. */
static bool parse_iommu(struct cmdline *c, const struct word *w, enum arch arch, bool *fine)
{
	if (is(w, "iommu.passthrough"))
		*fine = w->value && parse_switch(w, &c->iommu_passthrough) &&
			(c->iommu_type_given = true);
	else if (is(w, "iommu.strict"))
		*fine = w->value && parse_switch(w, &c->iommu_strict) &&
			(c->iommu_strict_given = true);
	else if (is(w, "iommu") && arch_is_x86(arch))
		parse_x86_iommu(c, w);
	else if (is(w, "intel_iommu") && arch_is_x86(arch))
		*fine = parse_intel_iommu(c, w);
	else
		return false;
	return true;
}

/* Names that Linux knows and that change nothing here. */
static bool known(const struct word *w)
{
	static const char *const names[] = {"8250", "acpi", "apic", "apparmor", "audit",
		"boot_delay", "carrier_timeout", "cgroup_disable", "cgroup_enable",
		"clk_ignore_unused", "clocksource", "coherent_pool", "console", "consoleblank",
		"cpuidle", "crashkernel", "debug", "debug_pagealloc", "default_hugepagesz",
		"earlycon", "earlyprintk", "efi", "fail_make_request", "fail_page_alloc",
		"failslab", "fb_tunnels", "firmware_class", "gbpages", "hashdist", "hlt", "hpet",
		"hugepages", "hugepagesz", "hugetlb_cma", "hugetlb_free_vmemmap", "idle",
		"ignore_loglevel", "init", "init_on_alloc", "init_on_free", "initcall_debug",
		"initrd", "intel_iommu", "iommu", "ip", "irqpoll", "isolcpus", "kaslr", "kgdboc",
		"kpti", "lapic", "log_buf_len", "loglevel", "lpj", "lsm", "mce",
		"memhp_default_state", "memory_hotplug", "memtest", "mhash_entries", "mitigations",
		"module_blacklist", "movable_node", "mphash_entries", "nfsroot", "no5lvl", "noapic",
		"nohpet", "nohugeiomap", "nohugevmalloc", "nogbpages", "noinitrd", "nokaslr",
		"nolapic", "nomodeset", "nopat", "nopti", "noresume", "nosmap", "nosmep",
		"noswapaccount", "nosmt", "notsc", "nowatchdog", "noxsave", "numa_balancing",
		"page_poison", "page_reporting", "panic", "panic_on_oops", "panic_on_warn", "pci",
		"pcie_aspm", "percpu_alloc", "possible_cpus", "preempt", "print_fatal_signals",
		"printk_ratelimit", "profile", "psi", "pti", "quiet", "randomize_kstack_offset",
		"rdinit", "reboot", "reserve", "resume", "retbleed", "rhash_entries", "ro",
		"rodata", "root", "rootdelay", "rootflags", "rootfstype", "rootwait", "rw", "S",
		"security", "selinux", "single", "slab_max_order", "slab_merge", "slab_min_order",
		"slab_nomerge", "slub_debug", "slub_max_order", "slub_merge", "slub_min_objects",
		"slub_min_order", "slub_nomerge", "spectre_v2", "splash", "stack_depot_disable",
		"stack_guard_gap", "swapaccount", "threadirqs", "tp_printk", "trace_event", "tsc",
		"uhash_entries", "usbcore", "video", "vdso", "vga", "watchdog", "workqueue",
		"x2apic_phys", "zcache", NULL};

	if (memchr(w->name, '.', w->name_len))
		return true;
	for (const char *const *n = names; *n; n++)
		if (is(w, *n))
			return true;
	return false;
}

static void append(char *list, size_t cap, const char *s, size_t len)
{
	size_t used = strlen(list);

	if (used + len + 2 <= cap)
		snprintf(list + used, cap - used, " %.*s", (int)len, s);
}

/* get_option(): an int, of any base, and whatever follows it. */
static bool leading_int(const struct word *w, uint32_t *value)
{
	bool minus = *w->value == '-';
	char digits[32], *end;

	snprintf(digits, sizeof(digits), "%.*s", (int)w->value_len - minus, w->value + minus);
	if (!isdigit((unsigned char)*digits))
		return false;
	*value = (uint32_t)strtoull(digits, &end, 0);
	if (minus)
		*value = -*value;
	return true;
}

/* Parameters with "=" only; what the kernel cannot read it takes for the default, without a word. */
static bool parse_dma_debug(struct cmdline *c, const struct word *w)
{
	if (!w->value)
		return false;
	if (is(w, "dma_debug"))
		c->dma_debug_off |= w->value_len >= 3 && !memcmp(w->value, "off", 3);
	else if (is(w, "dma_debug_entries"))
		c->dma_debug_entries_given = leading_int(w, &c->dma_debug_entries);
	else if (is(w, "dma_debug_driver"))
		snprintf(c->dma_debug_driver, sizeof(c->dma_debug_driver), "%.*s",
			(int)w->value_len, w->value);
	else
		return false;
	return true;
}

/* *fine is set; false when the name is none of these. */
static bool parse_ours(struct cmdline *c, const struct word *w, enum arch arch, bool *fine)
{
	*fine = true;
	if (is(w, "mem"))
		*fine = parse_mem(c, w, arch);
	else if (is(w, "memmap") && arch_is_x86(arch))
		*fine = parse_memmap(c, w);
	else if (is(w, "cma"))
		*fine = parse_cma(c, w);
	else if (is(w, "highmem") && arch == ARCH_I386)
		*fine = c->highmem_given = whole_size(w, &c->highmem_bytes);
	else if (is(w, "vmalloc") && !arch_is_64bit(arch))
		*fine = whole_size(w, &c->vmalloc_bytes);
	else if (is(w, "kernelcore"))
		*fine = parse_core(w, &c->kernelcore_bytes, &c->kernelcore_percent);
	else if (is(w, "movablecore"))
		*fine = parse_core(w, &c->movablecore_bytes, &c->movablecore_percent);
	else if (is(w, "numa"))
		*fine = parse_numa(c, w);
	else if (is(w, "swiotlb"))
		*fine = parse_swiotlb(c, w);
	else if (parse_iommu(c, w, arch, fine) || parse_dma_debug(c, w))
		return true;
	else if (is(w, "maxcpus") || is(w, "nr_cpus"))
		*fine = parse_cpus(c, w);
	else if (is(w, "nosmp"))
		c->max_cpus = 1;
	else if (is(w, "kmemleak"))
		*fine = w->value && (parse_is(w->value, w->value_len, "on") ||
					    parse_is(w->value, w->value_len, "off"));
	else if (is(w, "page_owner"))
		*fine = parse_switch(w, &c->page_owner);
	else if (is(w, "nohugevmalloc") && (arch == ARCH_X86_64 || arch == ARCH_ARM64))
		c->nohugevmalloc = true;
	else if (is(w, "nohugeiomap") && (arch_is_x86(arch) || arch == ARCH_ARM64))
		c->nohugeiomap = true;
	else if (is(w, "dhash_entries"))
		*fine = whole_size(w, &c->dhash_entries);
	else if (is(w, "ihash_entries"))
		*fine = whole_size(w, &c->ihash_entries);
	else if (is(w, "transparent_hugepage"))
		*fine = w->value && (parse_is(w->value, w->value_len, "always") ||
					    parse_is(w->value, w->value_len, "madvise") ||
					    parse_is(w->value, w->value_len, "never"));
	else
		return arch_is_x86(arch) && parse_x86(c, w);
	if (*fine && is(w, "kmemleak"))
		c->kmemleak = w->value_len == 2;
	if (*fine && is(w, "transparent_hugepage"))
		snprintf(c->thp, sizeof(c->thp), "%.*s", (int)w->value_len, w->value);
	return true;
}

int cmdline_parse(struct cmdline *c, const char *text, enum arch arch, struct refusal *why)
{
	struct word w;
	bool fine;

	memset(c, 0, sizeof(*c));
	while (next_word(&text, &w)) {
		if (is(&w, "__")) /* what follows "--" is init's */
			break;
		if (is(&w, "kernelcore") && w.value && parse_is(w.value, w.value_len, "mirror"))
			return refuse(why, EINVAL,
				"kernelcore=mirror needs memory that the firmware marks as "
				"mirrored, which no machine here "
				"has: give a size or a percentage");
		if (!parse_ours(c, &w, arch, &fine)) {
			if (!known(&w))
				append(c->unknown, sizeof(c->unknown), w.text, w.text_len);
		} else if (!fine) {
			append(c->malformed, sizeof(c->malformed), w.name, w.name_len);
		}
	}
	return 0;
}
