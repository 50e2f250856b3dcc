/* SPDX-License-Identifier: MIT
 *
 * Devices that bypass the caches of a RISC-V CPU, which can do more or less about it:
 *
 *	riscv,isa                    a buffer that is mapped, synced           a coherent buffer
 *	rv64imafdc                   6.1 warns and does nothing: old bytes     cached all the same: old bytes
 *	rv64imafdc_zicbom            written back                              cached all the same: old bytes
 *	rv64imafdc_zicbom_svpbmt     written back                              uncached
 */
#include "mm/boot/preset.h"
#include "support/world.h"

#include <criterion/criterion.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NIC "sim/devices/nic"
#define CTL NIC "/ctl"

static char blob[1 << 17];

static struct simm *with_isa(const char *isa, bool block_size)
{
	char error[512] = "";
	struct simm_config *config = simm_config_new();
	int cpus, cpu;

	cr_assert_eq(fdt_open_into(preset_find("riscv64-virt")->fdt.data, blob, sizeof(blob)), 0);
	cpus = fdt_path_offset(blob, "/cpus");
	for (cpu = fdt_first_subnode(blob, cpus); cpu >= 0; cpu = fdt_next_subnode(blob, cpu)) {
		fdt_setprop_string(blob, cpu, "riscv,isa", isa);
		if (!block_size)
			fdt_delprop(blob, cpu, "riscv,cbom-block-size");
	}
	cr_assert_eq(
		simm_config_fdt(config, blob, sizeof(blob), error, sizeof(error)), 0, "%s", error);
	struct simm *s = simm_create(config, error, sizeof(error));
	cr_assert_not_null(s, "%s", error);
	simm_config_free(config);
	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_gt(world_write(s, NIC "/coherent", "0\n"), 0);
	return s;
}

static bool has(struct simm *s, const char *path, const char *words)
{
	return strstr(world_cat(s, path), words) != NULL;
}

/* Does the device read what the CPU stored at @va? */
static bool seen(struct simm *s, unsigned long long va, const char *name, bool map)
{
	char line[120];

	snprintf(line, sizeof(line), "store 0x%llx 0x11223344 4", va);
	world_call(s, line);
	if (map)
		world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
	snprintf(line, sizeof(line), "dma_read %s 4", name);
	world_call_at(s, CTL, line);
	world_call_at(s, CTL, "wait_for_completion");
	if (map)
		world_call_at(s, CTL, "dma_unmap_single d");
	return has(s, NIC "/registers", "seen 44 33 22 11");
}

Test(noncoherent, what_the_cpu_can_do, .timeout = 60)
{
	static const struct {
		const char *isa, *shown;
		bool block_size, streaming, coherent;
	} row[] = {
		{"rv64imafdc", "rv64imafdc\n", true, false, false},
		/* Without the size of its blocks the kernel cannot use the extension. */
		{"rv64imafdc_zicbom", "rv64imafdc\n", false, false, false},
		{"rv64imafdc_zicbomx", "rv64imafdc\n", true, false, false},
		{"rv64imafdc_zicbom", "rv64imafdc_zicbom\n", true, true, false},
		{"rv64imafdc_zihintpause_Zicbom_Svpbmt", "rv64imafdc_svpbmt_zicbom\n", true, true,
			true},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct simm *s = with_isa(row[i].isa, row[i].block_size);

		cr_expect(has(s, "proc/cpuinfo", row[i].shown), "%s: %s", row[i].isa,
			world_cat(s, "proc/cpuinfo"));
		cr_expect_eq(has(s, "sim/dmesg",
				     "platform nic: device non-coherent but no non-coherent "
				     "operations supported\n"),
			!row[i].streaming, "%s", row[i].isa);
		unsigned long long va = strtoull(
			world_call(s, "b = __get_free_pages GFP_KERNEL+GFP_DMA32 0"), NULL, 16);
		/* Caches are looked at from the first mapping on. */
		world_call_at(s, CTL, "d = dma_map_single b 4096 DMA_TO_DEVICE");
		world_call_at(s, CTL, "dma_unmap_single d");
		cr_expect_eq(seen(s, va, "d", true), row[i].streaming, "%s", row[i].isa);
		world_call_at(s, CTL, "c = dma_alloc_coherent 4096");
		const char *cpu = strstr(world_cat(s, NIC "/mappings"), "cpu=");
		va = strtoull(cpu + 4, NULL, 16);
		cr_expect_eq(seen(s, va, "c", false), row[i].coherent, "%s", row[i].isa);
		char path[80];
		snprintf(path, sizeof(path), "sim/walk/0x%llx", va);
		cr_expect_eq(has(s, path, "IO"), row[i].coherent, "%s", world_cat(s, path));
		world_call_at(s, CTL, "dma_free_coherent c");
		cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n");
		simm_destroy(s);
	}
}
