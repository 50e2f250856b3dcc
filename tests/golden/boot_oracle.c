/* SPDX-License-Identifier: MIT
 *
 * A machine with the firmware's map of a real one boots as the real one did.
 *
 * From each oracle machine's dmesg come the e820 table (or the ranges of RAM), the nodes, the
 * initial ram disk, the command line; from its zoneinfo how many CPUs it has. What must come out,
 * with Debian's configuration:
 *   - start, spanned and present of every zone as in zoneinfo
 *   - managed as in zoneinfo, but for `slack` pages, which the table explains
 *   - every line of the real log that begins like one of ours, word by word and in the same order
 */
#include "support/booted.h"

#include "mm/page/zone.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const struct real {
	const char *name;
	enum arch arch;
	unsigned slack;	    /* pages that managed may differ, of one zone */
	uint64_t fdt_bytes; /* QEMU's blob has a MiB on arm64 */
	bool arm_fdt;
} reals[] = {
	/* Without KASLR the image lies lower, and fewer tables map what lies below it: 16 pages on the
	 * 2 GiB machine, 24 on the other. */
	{"i386-686-2g", ARCH_I386, 16, 0, false},
	{"i386-686-256m", ARCH_I386, 24, 0, false},
	/* Small early allocations, which the log does not name. */
	{"amd64-1g", ARCH_X86_64, 4, 0, false},
	{"amd64-numa-4g", ARCH_X86_64, 24, 0, false},
	{"arm64-1g", ARCH_ARM64, 8, 1 << 20, false},
	{"armhf-2g", ARCH_ARM, 8, 0, false},
};

static char *oracle_file(const char *machine, const char *file)
{
	char path[512];

	if (!shared_dir())
		cr_skip_test("no ../shared here (SIMM_SHARED)");
	snprintf(path, sizeof(path), "%s/oracle/%s/%s", shared_dir(), machine, file);
	char *data = slurp(path, NULL);
	if (!data)
		cr_skip_test("no %s here", path);
	return data;
}

/* The text of a log line behind its time. */
static const char *message(const char *line)
{
	const char *end = strstr(line, "] ");

	return *line == '[' && end ? end + 2 : line;
}

static enum firmware_type type_of(const char *word)
{
	return !strcmp(word, "usable")	    ? FIRMWARE_USABLE
	       : !strcmp(word, "ACPI data") ? FIRMWARE_ACPI
	       : !strcmp(word, "ACPI NVS")  ? FIRMWARE_NVS
					    : FIRMWARE_RESERVED;
}

static void read_line(struct machine_desc *d, const char *text)
{
	ull start, end;
	unsigned nid = 0;
	char type[32];

	if (sscanf(text, "BIOS-e820: [mem 0x%llx-0x%llx] %31[^\n]", &start, &end, type) == 3)
		d->fw[d->nr_fw++] = (struct firmware_range){
			.start = start, .end = end + 1, .type = type_of(type)};
	else if (sscanf(text, "ACPI: SRAT: Node %u PXM %*u [mem 0x%llx-0x%llx]", &nid, &start,
			 &end) == 3)
		d->fw_node[d->nr_fw_node++] = (struct node_range){start, end + 1, nid};
	else if (!d->e820 &&
		 sscanf(text, "  node   %u: [mem 0x%llx-0x%llx]", &nid, &start, &end) == 3)
		d->fw[d->nr_fw++] = (struct firmware_range){.start = start, .end = end + 1};
	else if (sscanf(text, "RAMDISK: [mem 0x%llx-0x%llx]", &start, &end) == 2) {
		d->initrd_start = start;
		d->initrd_end = end + 1;
	} else if (!strncmp(text, "Kernel command line: ", 21)) {
		snprintf(d->bootargs, sizeof(d->bootargs), "%s", text + 21);
	} else if (strstr(text, "Machine model: ")) {
		snprintf(d->model, sizeof(d->model), "%s", strstr(text, "model: ") + 7);
	}
	if (nid >= d->nr_fw_nodes && d->nr_fw_node)
		d->nr_fw_nodes = d->fw_node[d->nr_fw_node - 1].nid + 1;
}

static unsigned cpus_of(const char *machine)
{
	char *text = oracle_file(machine, "proc/cpuinfo");
	unsigned nr = 0;

	for (char *at = text; (at = strstr(at, "processor\t:")); at++)
		nr++;
	free(text);
	return nr ? nr : 1;
}

static struct machine_desc *describe_real(const struct real *r)
{
	struct machine_desc *d = calloc(1, sizeof(*d));
	char *log = oracle_file(r->name, "dmesg.txt"), *save = NULL;

	d->arch = r->arch;
	d->e820 = r->arch == ARCH_I386 || r->arch == ARCH_X86_64;
	d->nr_fw_nodes = 1;
	d->fdt_bytes = r->fdt_bytes;
	for (char *line = strtok_r(log, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_line(d, message(line));
	free(log);
	d->nr_fw_cpus = cpus_of(r->name);
	for (unsigned i = 0; i < d->nr_fw_cpus; i++)
		d->fw_cpu_node[i] = (uint8_t)(i * d->nr_fw_nodes / d->nr_fw_cpus);
	cr_assert_eq(describe_option(d, "config", "debian", NULL), 0);
	return d;
}

struct figures {
	char zone[16];
	unsigned nid;
	uint64_t start, spanned, present, managed;
};

static unsigned read_zones(const char *machine, struct figures *f)
{
	char *text = oracle_file(machine, "proc/zoneinfo"), *save = NULL;
	unsigned nr = 0;
	ull value;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "Node %u, zone %15s", &f[nr].nid, f[nr].zone) == 2)
			nr++;
		else if (nr && sscanf(line, " spanned %llu", &value) == 1)
			f[nr - 1].spanned = value;
		else if (nr && sscanf(line, " present %llu", &value) == 1)
			f[nr - 1].present = value;
		else if (nr && sscanf(line, " managed %llu", &value) == 1)
			f[nr - 1].managed = value;
		else if (nr && sscanf(line, " start_pfn: %llu", &value) == 1)
			f[nr - 1].start = value;
	}
	free(text);
	return nr;
}

static void compare_zones(const struct real *r, struct machine *m)
{
	static struct figures f[64];

	memset(f, 0, sizeof(f));
	unsigned nr = read_zones(r->name, f), i = 0;
	cr_assert_gt(nr, 2);
	for (const struct zone *z = zone_next(m, NULL); z; z = zone_next(m, z), i++) {
		cr_assert_lt(i, nr);
		cr_expect_str_eq(zone_name(z->type), f[i].zone, "%s", r->name);
		cr_expect_eq(z->nid, f[i].nid);
		cr_expect(!f[i].present || z->start_pfn == f[i].start,
			"%s %s: start %llu, not %llu", r->name, f[i].zone, (ull)z->start_pfn,
			(ull)f[i].start);
		cr_expect(z->spanned_pages == f[i].spanned && z->present_pages == f[i].present,
			"%s %s: spanned %llu present %llu, not %llu %llu", r->name, f[i].zone,
			(ull)z->spanned_pages, (ull)z->present_pages, (ull)f[i].spanned,
			(ull)f[i].present);
		int64_t off = (int64_t)(z->managed_pages - f[i].managed);
		cr_expect(llabs(off) <= (long long)r->slack,
			"%s node %u %s: managed %llu is %lld off", r->name, z->nid, f[i].zone,
			(ull)z->managed_pages, (long long)off);
	}
	cr_expect_eq(i, nr, "%s", r->name);
}

/* Lines that must be there word by word. */
static bool to_compare(const struct real *r, const char *text)
{
	static const char *const begin[] = {"BIOS-", "e820: update", "e820: remove", "last_pfn",
		"  mapped low ram", "  low ram", "Zone ranges", "  DMA", "  Normal", "  HighMem",
		"  Device", "Movable zone", "Early memory", "  node ", "Initmem setup", "On node",
		"PM: hibernation", "[mem 0x", "setup_percpu", "percpu: ", "Fallback order",
		"Built ", "Policy zone", "Kernel command", "Unknown kernel", "Initializing ",
		"SLUB: ", "cma: ", "NUMA: No", "NUMA: Faking", "No NUMA", "Faking a node",
		"ACPI: SRAT: Node", "Freeing SMP", "Freeing unused", "Dentry cache", "Inode-cache",
		"RAMDISK", "OF: fdt:", "Machine model", "iommu: ", NULL};

	if (strstr(text, "HIGHMEM available") || strstr(text, "LOWMEM available"))
		return true;
	/* With several nodes these tables come later, from vmalloc: not simulated. */
	if (strstr(text, "hash table") && !strcmp(r->name, "amd64-numa-4g"))
		return false;
	/* "found SMP MP-table at [mem" and its like do not begin so. */
	for (const char *const *b = begin; *b; b++)
		if (!strncmp(text, *b, strlen(*b)))
			return true;
	return false;
}

/* Each such line of the real log is in ours, behind the one before it. */
static void compare_logs(const struct real *r, struct machine *m)
{
	char *real = oracle_file(r->name, "dmesg.txt"), *ours = strdup(booted_log(m)), *save = NULL;
	const char *at = ours;
	unsigned compared = 0;

	for (char *line = strtok_r(real, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char want[2600];

		if (!to_compare(r, message(line)))
			continue;
		snprintf(want, sizeof(want), "] %s\n", message(line));
		const char *found = strstr(at, want);
		cr_expect(found, "%s: the log lacks, or has in another order: %s", r->name,
			message(line));
		at = found ? found + 1 : at;
		compared++;
	}
	cr_expect_gt(compared, 15, "%s: %u lines compared", r->name, compared);
	free(ours);
	free(real);
}

Test(boot_oracle, the_same_firmware_gives_the_same_zones)
{
	for (unsigned i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		struct machine *m = boot_described(describe_real(&reals[i]));

		cr_assert(m, "%s: %s", reals[i].name, refused_why());
		booted_check(m);
		compare_zones(&reals[i], m);
		machine_destroy(m);
	}
}

Test(boot_oracle, the_same_firmware_gives_the_same_log)
{
	for (unsigned i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		struct machine *m = boot_described(describe_real(&reals[i]));

		cr_assert(m, "%s: %s", reals[i].name, refused_why());
		compare_logs(&reals[i], m);
		machine_destroy(m);
	}
}

/* "Memory:" has one figure that depends on where KASLR put things; the rest of the line is the
 * same. */
Test(boot_oracle, memory_line)
{
	for (unsigned i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		char *real = oracle_file(reals[i].name, "dmesg.txt");
		struct machine *m = boot_described(describe_real(&reals[i]));
		const char *theirs = strstr(real, "] Memory: "),
			   *mine = strstr(booted_log(m), "] Memory: ");
		ull available[2], total[2], reserved[2];
		char kernel[2][128];

		cr_assert(theirs && mine);
		for (unsigned k = 0; k < 2; k++) {
			const char *line = k ? mine : theirs;
			int n = sscanf(line, "] Memory: %lluK/%lluK available (%127[^)]",
				&available[k], &total[k], kernel[k]);

			cr_assert_eq(n, 3);
			char *at = strstr(kernel[k], "bss, ");
			cr_assert(at);
			reserved[k] = strtoull(at + 5, NULL, 10);
			*at = '\0';
		}
		cr_expect_eq(total[0], total[1], "%s", reals[i].name);
		cr_expect_str_eq(kernel[0], kernel[1]);
		/* On arm64 and armhf the ram disk is in the real figure: 2552 and 2132 KiB. */
		ull initrd = reals[i].arch == ARCH_ARM64 ? 2552
			     : reals[i].arch == ARCH_ARM ? 2132
							 : 0;
		cr_expect(llabs((long long)(reserved[0] - initrd - reserved[1])) <=
				  reals[i].slack * 4 * 4,
			"%s: reserved %lluK, not %lluK", reals[i].name, reserved[1], reserved[0]);
		machine_destroy(m);
		free(real);
	}
}

/* Descriptions of the presets are of these machines' kind: the default one is i386-686-2g's
 * firmware map. */
Test(boot_oracle, the_default_preset_is_the_2_gib_machine)
{
	struct machine_desc *real = describe_real(&reals[0]), *preset = described("pc-i386");

	cr_expect_eq(real->nr_fw, preset->nr_fw);
	for (unsigned i = 0; i < real->nr_fw && i < preset->nr_fw; i++)
		cr_expect(real->fw[i].start == preset->fw[i].start &&
			  real->fw[i].end == preset->fw[i].end &&
			  real->fw[i].type == preset->fw[i].type);
	free(real);
	free(preset);
}
