/* SPDX-License-Identifier: MIT
 *
 * Claim: what a CPU does can be seen and done through files: calls make accesses, sim/walk explains them,
 * sim/cpuN counts them, dev/mem shows the same bytes by physical offset, and each refuses what Linux or the hardware
 * refuses.
 */
#include "simm/simm.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char answer[1 << 16];

static struct simm *mount(const char *machine, const char *option, const char *value)
{
	struct simm_config *config = simm_config_new();
	char error[512] = "";

	cr_assert_eq(simm_config_machine(config, machine, error, sizeof(error)), 0, "%s", error);
	if (option)
		cr_assert_eq(simm_config_option(config, option, value, error, sizeof(error)), 0,
			"%s", error);
	struct simm *simm = simm_create(config, error, sizeof(error));

	cr_assert_not_null(simm, "%s", error);
	simm_config_free(config);
	return simm;
}

static const char *text(struct simm *simm, const char *path)
{
	ssize_t n = simm_file_read(simm, path, answer, sizeof(answer) - 1);

	cr_assert_geq(n, 0, "%s: %s", path, strerror((int)-n));
	answer[n] = '\0';
	return answer;
}

static void has(struct simm *simm, const char *path, const char *want)
{
	cr_assert_not_null(
		strstr(text(simm, path), want), "%s has no \"%s\":\n%s", path, want, answer);
}

static ssize_t line(struct simm *simm, const char *path, const char *call)
{
	return simm_file_write(simm, path, call, strlen(call));
}

static void act(struct simm *simm, const char *path, const char *call)
{
	ssize_t n = line(simm, path, call);

	cr_assert_eq(n, (ssize_t)strlen(call), "%s: %s", call, text(simm, "sim/errors"));
}

/* @bytes of dev/mem at @offset, read or written; what the operation returned. */
static ssize_t mem(struct simm *simm, uint64_t offset, void *data, size_t bytes, bool write)
{
	struct simm_node node;
	struct simm_open *open;
	ssize_t n;

	cr_assert_eq(simm_resolve(simm, "dev/mem", &node), 0);
	cr_assert_eq(simm_open(simm, &node, write ? SIMM_O_WRITE : SIMM_O_READ, &open), 0);
	if (write) {
		struct simm_write *w = simm_write_begin(open, data, bytes, offset, 0);

		while (simm_write_step(w) == SIMM_MORE)
			;
		n = simm_write_end(w);
	} else {
		n = simm_read(open, data, bytes, offset);
	}
	simm_release(open);
	return n;
}

Test(access_files, a_store_is_seen_by_load_and_dev_mem)
{
	struct simm *simm = mount("pc-i386", "ram", "512M");
	uint32_t word = 0;

	act(simm, "sim/ctl", "store c0500010 0xcafe\n");
	has(simm, "sim/last", "0xcafe cycles=");
	has(simm, "sim/last", "tlb=miss");
	act(simm, "sim/cpu0/ctl", "load c0500010 2\n");
	has(simm, "sim/last", "0xcafe cycles=4 tlb=hit");
	cr_assert_eq(mem(simm, 0x500010, &word, 4, false), 4);
	cr_assert_eq(word, 0xcafe);
	word = 0x1234;
	cr_assert_eq(mem(simm, 0x500010, &word, 4, true), 4);
	act(simm, "sim/ctl", "load c0500010\n");
	has(simm, "sim/last", "0x1234 ");
	has(simm, "sim/cpu0/counters", "loads 2\nstores 1\nfetches 0\n");
	has(simm, "sim/cpu0/counters", "dtlb_hits 2\n");
	has(simm, "sim/cpu0/tlb",
		"0xc0400000 4M -> 0x400000 asid 0 global dirty, kernel rwx, user ---");
	act(simm, "sim/ctl", "invlpg c0500000\n");
	act(simm, "sim/ctl", "load c0500010\n");
	has(simm, "sim/last", "tlb=miss");
	act(simm, "sim/ctl", "flush_tlb_all\n");
	has(simm, "sim/last", "1");
	has(simm, "sim/cpu0/tlb", "data: 16 sets of 4 ways, 0 of 64 in use");
	has(simm, "sim/check", "ok");
	simm_destroy(simm);
}

Test(access_files, faults_have_their_words)
{
	struct simm *simm = mount("pc-i386", "ram", "512M");

	cr_assert_eq(line(simm, "sim/ctl", "load c0500010 4 user\n"), -EFAULT);
	has(simm, "sim/errors",
		"read of 0xc0500010 in user mode faults (PGD, code 0x5): user mode has no access");
	cr_assert_eq(line(simm, "sim/ctl", "store 10 1\n"), -EFAULT);
	has(simm, "sim/dmesg", "BUG: kernel NULL pointer dereference, address: 00000010");
	has(simm, "sim/dmesg", "#PF: supervisor write access in kernel mode");
	has(simm, "sim/dmesg", "#PF: error_code(0x0002) - not-present page");
	has(simm, "sim/cpu0/registers", "cr2         0x0000000000000010");
	cr_assert_eq(line(simm, "sim/ctl", "store c1000000 1\n"), -EFAULT);
	has(simm, "sim/errors", "the page is read-only");
	cr_assert_eq(line(simm, "sim/ctl", "load c0500010 3\n"), -EINVAL);
	cr_assert_eq(line(simm, "sim/ctl", "load c0500010 4 root\n"), -EINVAL);
	cr_assert_eq(line(simm, "sim/ctl", "load 1c0500010\n"), -EFAULT);
	has(simm, "sim/errors", "more bits than the mode translates");
	simm_destroy(simm);
}

Test(access_files, walks_in_words)
{
	struct simm *simm = mount("pc-x86_64", NULL, NULL);
	char by_name[4096];

	has(simm, "sim/walk/0xffffffff81000000", "-> page 0x1000000 of 2M,");
	has(simm, "sim/walk/ffffffff81000000", "access     kernel r-x, user ---");
	has(simm, "sim/walk/0xffff888000000000", "PGD        index 0x111, PML4E at 0x");
	has(simm, "sim/walk/0x800000000000", "fault      the address is not canonical");
	has(simm, "sim/walk/0x1000", "fault      the entry is not present (PGD)");
	act(simm, "sim/ctl", "a = __get_free_page GFP_KERNEL\n");
	snprintf(by_name, sizeof(by_name), "%s", text(simm, "sim/walk/a"));
	cr_assert_not_null(strstr(by_name, "physical "));
	cr_assert_str_neq(by_name, text(simm, "sim/walk/a+8"));
	cr_assert_eq(simm_file_read(simm, "sim/walk/nobody", answer, sizeof(answer)), -ENOENT);
	cr_assert_eq(simm_file_read(simm, "sim/walk/11112222333344445", answer, sizeof(answer)),
		-ENOENT);
	cr_assert_eq(line(simm, "sim/ctl", "load 800000000000\n"), -EFAULT);
	has(simm, "sim/dmesg", "general protection fault, maybe for address 0x800000000000");
	simm_destroy(simm);
}

Test(access_files, dev_mem_ends_where_the_permanent_mapping_ends)
{
	struct simm *simm = mount("pc-i386", "ram", "2G");
	char page[4096];

	cr_assert_eq(mem(simm, 0x36bfe000 - 4096, page, 4096, false), 4096);
	cr_assert_eq(mem(simm, 0x36bfe000 - 2048, page, 4096, false), -EFAULT);
	cr_assert_eq(mem(simm, 0x36bfe000, page, 1, false), -EFAULT);
	cr_assert_eq(mem(simm, 1ULL << 40, page, 1, true), -EFAULT);
	cr_assert_eq(mem(simm, 0xa0000, page, 16, false), 16);
	cr_assert_eq((unsigned char)page[0], 0xff, "nothing answers in a PC's hole");
	simm_destroy(simm);
}

Test(access_files, strict_devmem)
{
	struct simm *simm = mount("pc-i386", "config", "+STRICT_DEVMEM");
	char byte = 'x';

	cr_assert_eq(mem(simm, 0x500000, &byte, 1, false), -EPERM);
	cr_assert_eq(mem(simm, 0x500000, &byte, 1, true), -EPERM);
	cr_assert_eq(mem(simm, 0x10000, &byte, 1, true), 1);
	cr_assert_eq(mem(simm, 0x10000, &byte, 1, false), 1);
	cr_assert_eq(byte, 0, "the first MiB reads as zero");
	simm_destroy(simm);
}

Test(access_files, every_preset_but_the_cortex_m_has_an_mmu_that_is_on)
{
	const char *name, *doc;

	for (unsigned i = 0; simm_machine_nth(i, &name, &doc); i++) {
		if (!strcmp(name, "cortex-m"))
			continue;
		struct simm *simm = mount(name, NULL, NULL);
		char call[80];

		has(simm, "sim/dmesg", "MMU on: ");
		cr_assert_null(
			strstr(text(simm, "sim/cpu0/registers"), "no translation"), "%s", name);
		act(simm, "sim/ctl", "a = __get_free_page GFP_KERNEL\n");
		snprintf(call, sizeof(call), "store a 0x%x 1\n", 0x40 + i);
		act(simm, "sim/ctl", call);
		act(simm, "sim/ctl", "load a 1\n");
		snprintf(call, sizeof(call), "0x%x cycles=4 tlb=hit", 0x40 + i);
		has(simm, "sim/last", call);
		cr_assert_eq(line(simm, "sim/ctl", "fetch a 4 user\n"), -EFAULT);
		has(simm, "sim/check", "ok");
		simm_destroy(simm);
	}
}

/* Without translation an address is what dev/mem's offset is; with it again the kernel's are back. */
Test(access_files, mmu_off_and_on)
{
	static const struct {
		const char *machine;
		uint64_t physical, virtual;
	} row[] = {{"pc-i386", 0x4000000, 0xc4000000}, {"pc-x86_64", 0x4000000, 0xffff888004000000},
		{"arm-virt", 0x44000000, 0xc4000000},
		{"arm64-virt", 0x44000000, 0xffff000004000000},
		{"riscv64-virt", 0x84000000, 0xffffffd804000000}};
	char call[64];

	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *simm = mount(row[i].machine, NULL, NULL);
		uint32_t value = 0x600df00d;

		cr_assert_eq(mem(simm, row[i].physical, &value, 4, true), 4);
		cr_assert_str_eq(text(simm, "sim/cpu1/mmu"), "1\n");
		act(simm, "sim/cpu1/mmu", "0\n");
		cr_assert_str_eq(text(simm, "sim/cpu1/mmu"), "0\n");
		has(simm, "sim/cpu1/registers", "paging      none");
		has(simm, "sim/cpu0/mmu", "1");
		snprintf(call, sizeof(call), "load 0x%llx\n", (unsigned long long)row[i].physical);
		act(simm, "sim/cpu1/ctl", call);
		has(simm, "sim/last", "0x600df00d");
		has(simm, "sim/last", "tlb=off");
		cr_assert_eq(line(simm, "sim/cpu0/ctl", call), -EFAULT, "%s", row[i].machine);
		act(simm, "sim/cpu1/mmu", "1\n");
		snprintf(call, sizeof(call), "load 0x%llx\n", (unsigned long long)row[i].virtual);
		act(simm, "sim/cpu1/ctl", call);
		has(simm, "sim/last", "0x600df00d");
		has(simm, "sim/check", "ok");
		cr_assert_eq(line(simm, "sim/cpu1/mmu", "2\n"), -EINVAL);
		has(simm, "sim/errors", "write 1 or 0: whether the CPU translates addresses");
		simm_destroy(simm);
	}
}

Test(access_files, cycles_off_and_on)
{
	struct simm *simm = mount("pc-x86_64", NULL, NULL);

	cr_assert_str_eq(text(simm, "sim/cpu0/cycles"), "1\n");
	act(simm, "sim/cpu0/cycles", "0\n");
	cr_assert_str_eq(text(simm, "sim/cpu0/cycles"), "0\n");
	act(simm, "sim/cpu0/ctl", "load ffff888004000000\n");
	has(simm, "sim/last", "cycles=0");
	has(simm, "sim/cpu0/counters", "cycles 0\n");
	act(simm, "sim/cpu0/cycles", "1\n");
	act(simm, "sim/cpu0/ctl", "load ffff888005000000\n");
	cr_assert_null(strstr(text(simm, "sim/last"), "cycles=0"));
	cr_assert_eq(line(simm, "sim/cpu0/cycles", "yes\n"), -EINVAL);
	simm_destroy(simm);
}

/* The switches that are on, by name. */
Test(access_files, registers_name_their_switches)
{
	struct simm *simm = mount("pc-x86_64", NULL, NULL);

	has(simm, "sim/cpu0/registers", "cr0         0x0000000080050033  [PE WP PG] ");
	has(simm, "sim/cpu0/registers",
		"cr4         0x00000000003200b0  [PSE PAE PGE PCIDE SMEP SMAP] ");
	has(simm, "proc/cpuinfo", " pcid smep smap\n");
	simm_destroy(simm);
	simm = mount("pc-x86_64", "cmdline", "nopcid pti=on");
	has(simm, "sim/cpu0/registers", "[PSE PAE PGE SMEP SMAP] ");
	has(simm, "proc/cpuinfo", " pti smep smap\n");
	has(simm, "sim/dmesg", "Kernel/User page tables isolation: enabled");
	simm_destroy(simm);
}
