/* SPDX-License-Identifier: MIT
 *
 * Loads and stores reach a device's registers where the kernel has mapped them by ioremap(), and where a process has by
 * /dev/mem. They are what readl() and writel() are, and take as long.
 */
#include "support/world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NIC "sim/devices/nic"
#define CTL NIC "/ctl"
#define HOG "sim/tasks/hog/ctl"

enum { FIFO = 0, STATUS = 4, SUM = 8, WORD = 12 };

static struct simm *with_registers(const char *preset, unsigned long long at)
{
	struct simm *s = world(preset, "ram", "512M", NULL);
	char line[80];

	cr_assert_eq(world_mkdir(s, "sim/devices", "nic"), 0);
	cr_assert_eq(world_mkdir(s, "sim/tasks", "hog"), 0);
	snprintf(line, sizeof(line), "0x%llx 0x1000\n", at);
	cr_assert_gt(world_write(s, NIC "/reg", line), 0);
	return s;
}

static unsigned long load(struct simm *s, const char *ctl, unsigned reg, const char *more)
{
	char line[80];

	snprintf(line, sizeof(line), "load r+%u %s", reg, more);
	return strtoul(world_call_at(s, ctl, line), NULL, 16);
}

static void store(struct simm *s, const char *ctl, unsigned reg, const char *more)
{
	char line[80];

	snprintf(line, sizeof(line), "store r+%u %s", reg, more);
	world_call_at(s, ctl, line);
}

static unsigned long long now_ns(struct simm *s)
{
	const char *at = world_cat(s, "sim/clock"), *dot = strchr(at, '.');

	cr_assert_not_null(dot, "%s", at);
	return strtoull(at, NULL, 10) * 1000000000 + strtoull(dot + 1, NULL, 10);
}

/* The same by whom it may be: the words are the registers', whatever the device did last. */
static void use_registers(struct simm *s, const char *ctl)
{
	store(s, ctl, WORD, "0x11223344 4");
	cr_expect_eq(load(s, ctl, WORD, "4"), 0x11223344);
	cr_expect_eq(load(s, ctl, FIFO, "4"), 0x11223344);
	store(s, ctl, SUM, "0 4");
	store(s, ctl, FIFO, "0x01020304 4");
	cr_expect_eq(load(s, ctl, SUM, "4"), 10, "a word was taken");
	cr_expect(strstr(world_cat(s, NIC "/registers"), "seen 04 03 02 01\n"));
	cr_expect_eq(strtoul(world_call_at(s, CTL, "readl 0xc"), NULL, 0), 0x11223344);
	world_call_at(s, CTL, "writel 0x55667788 0xc");
	cr_expect_eq(load(s, ctl, WORD, "4"), 0x55667788);
	/* Registers have four bytes; there is none behind the last. */
	store(s, ctl, WORD, "0xff 1");
	store(s, ctl, STATUS, "3 4");
	store(s, ctl, 0x100, "7 4");
	cr_expect_eq(load(s, ctl, WORD, "4"), 0x55667788);
	cr_expect_eq(load(s, ctl, WORD, "1"), 0);
	cr_expect_eq(load(s, ctl, 2, "4"), 0);
	cr_expect_eq(load(s, ctl, STATUS, "4"), 0);
	cr_expect_eq(load(s, ctl, 0x100, "4"), 0);
	cr_expect_eq(load(s, ctl, 0xff8, "8"), 0);
}

static const struct {
	const char *preset;
	unsigned long long at;
} rows[] = {{"pc-x86_64", 0xfe000000}, {"pc-i386", 0xfe000000}, {"arm-virt", 0x10000000},
	{"arm64-virt", 0x10000000}, {"riscv64-virt", 0x20000000}};

Test(registers, by_ioremap, .timeout = 60)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct simm *s = with_registers(rows[i].preset, rows[i].at);
		bool x86 = !strncmp(rows[i].preset, "pc-", 3);
		char line[80];

		snprintf(line, sizeof(line), "r = ioremap %llx 8K", rows[i].at);
		world_call(s, line);
		use_registers(s, "sim/ctl");
		/* It waits for the device's answer each time. */
		unsigned long long before = now_ns(s);
		load(s, "sim/ctl", WORD, "4");
		cr_expect_geq(
			now_ns(s) - before, 100, "%s: %llu", rows[i].preset, now_ns(s) - before);
		/* Behind the device nobody answers. */
		if (x86)
			cr_expect_eq(load(s, "sim/ctl", 0x1000, "4"), 0xffffffff);
		else
			cr_expect_eq(world_refused(s, "load r+4096 4"), EFAULT);
		cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n");
		/* A device that is gone answers no more. */
		cr_expect_eq(world_rmdir(s, "sim/devices", "nic"), 0);
		if (x86)
			cr_expect_eq(load(s, "sim/ctl", WORD, "4"), 0xffffffff);
		else
			cr_expect_eq(world_refused(s, "load r+12 4"), EFAULT);
		world_call(s, "iounmap r");
		simm_destroy(s);
	}
}

Test(registers, by_a_process, .timeout = 60)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct simm *s = with_registers(rows[i].preset, rows[i].at);
		char line[120];

		world_call_at(s, HOG, "fd = open \"/dev/mem\" O_RDWR");
		snprintf(line, sizeof(line), "r = mmap NULL 4K rw-s MAP_SHARED fd 0x%llx",
			rows[i].at);
		world_call_at(s, HOG, line);
		use_registers(s, HOG);
		cr_expect_str_eq(world_cat(s, "sim/check"), "ok\n");
		simm_destroy(s);
	}
}
