/* SPDX-License-Identifier: MIT
 *
 * Claim: an access to a Cortex-M's memory is allowed or not as the region with the highest number says, and a fault
 * says why in the architecture's registers; no value of any register can do harm.
 */
#include "base/rng.h"
#include "hw/cpu.h"
#include "support/lone_cpu.h"
#include "support/ram.h"

#include <errno.h>
#include <stdlib.h>

#define RAM 0xc0000000u
enum { AP_KERNEL = 1, AP_USER_READS = 2, AP_ALL = 3, AP_KERNEL_READS = 5, AP_ALL_READ = 6 };
enum { SIZE_32 = 4, SIZE_256 = 7, SIZE_4K = 11, SIZE_64K = 15, SIZE_1M = 19, SIZE_4G = 31 };

struct board {
	struct ram ram;
	struct hw_cpu *cpu;
};

static void board_init(struct board *b)
{
	struct hw_cpu_desc desc = hw_cpu_default(HW_ARM_M);

	ram_init(&b->ram, 1 << 20);
	b->ram.dram.base = RAM;
	b->cpu = lone_cpu(&desc);
}

static void board_finish(struct board *b)
{
	cr_assert_null(hw_cpu_check(b->cpu));
	free(b->cpu);
	ram_finish(&b->ram);
}

static struct hw_access act(
	struct board *b, enum hw_kind kind, uint64_t va, unsigned bytes, bool user)
{
	struct hw_access a = {
		.va = va, .bytes = (uint8_t)bytes, .kind = (uint8_t)kind, .user = user};
	int err = hw_access(b->cpu, &b->ram.dram, &a, NULL);

	cr_assert_eq(err, a.fault.fault ? -EFAULT : 0);
	cr_assert_null(hw_cpu_check(b->cpu));
	return a;
}

/* A word stored to the system control space, as a kernel does it. */
static void scs(struct board *b, uint32_t at, uint32_t value)
{
	struct hw_access a = {.va = at, .bytes = 4, .kind = HW_STORE, .value = value};

	cr_assert_eq(hw_access(b->cpu, &b->ram.dram, &a, NULL), 0);
}

static void region(
	struct board *b, unsigned n, uint32_t base, unsigned size, unsigned ap, uint32_t more)
{
	scs(b, 0xe000ed98, n);
	scs(b, 0xe000ed9c, base);
	scs(b, 0xe000eda0, ap << 24 | 3 << 16 | size << 1 | 1 | more);
}

static uint32_t reg(struct board *b, enum hw_reg r)
{
	return (uint32_t)b->cpu->reg[r];
}

/* Three letters for the kernel and three for the user. */
static const char *may(struct board *b, uint32_t at)
{
	static char words[7];
	static const enum hw_kind kinds[] = {HW_LOAD, HW_STORE, HW_FETCH};

	for (unsigned i = 0; i < 6; i++)
		words[i] = act(b, kinds[i % 3], at, 1, i >= 3).fault.fault ? '-' : "rwx"[i % 3];
	return words;
}

Test(mpu, before_it_is_on_the_default_memory_map_counts)
{
	struct board b;

	board_init(&b);
	cr_assert_eq(reg(&b, HW_MPU_TYPE), 8 << 8);
	cr_assert_str_eq(may(&b, RAM), "rw-rw-", "0xa0000000-0xdfffffff is for devices: no code");
	b.ram.dram.base = 0x90000000;
	cr_assert_str_eq(may(&b, 0x90000000), "rwxrwx", "external memory");
	board_finish(&b);
}

Test(mpu, what_ap_and_xn_say)
{
	static const struct {
		unsigned ap;
		const char *without, *with; /* XN */
	} rows[] = {
		{0, "------", "------"},
		{1, "rwx---", "rw----"},
		{2, "rwxr-x", "rw-r--"},
		{3, "rwxrwx", "rw-rw-"},
		{4, "------", "------"},
		{5, "r-x---", "r-----"},
		{6, "r-xr-x", "r--r--"},
		{7, "r-xr-x", "r--r--"},
	};
	struct board b;

	board_init(&b);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		region(&b, 0, RAM, SIZE_1M, rows[i].ap, 0);
		cr_assert_str_eq(may(&b, RAM), rows[i].without, "AP %u", rows[i].ap);
		region(&b, 0, RAM, SIZE_1M, rows[i].ap, MPU_RASR_XN);
		cr_assert_str_eq(may(&b, RAM), rows[i].with, "AP %u, XN", rows[i].ap);
	}
	board_finish(&b);
}

Test(mpu, the_higher_number_wins)
{
	struct board b;

	board_init(&b);
	region(&b, 1, RAM, SIZE_1M, AP_ALL, 0);
	region(&b, 3, RAM + 0x10000, SIZE_64K, AP_KERNEL_READS, MPU_RASR_XN);
	region(&b, 2, RAM + 0x10000, SIZE_4K, AP_ALL_READ, 0);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	cr_assert_str_eq(may(&b, RAM + 0xffff), "rwxrwx");
	cr_assert_str_eq(may(&b, RAM + 0x10000), "r-----", "region 3, though 2 is smaller");
	cr_assert_str_eq(may(&b, RAM + 0x20000), "rwxrwx");
	scs(&b, 0xe000ed98, 3);
	scs(&b, 0xe000eda0, 0);
	cr_assert_str_eq(may(&b, RAM + 0x10000), "r-xr-x", "3 is off: now 2");
	cr_assert_eq(act(&b, HW_LOAD, RAM + 0x10000, 4, false).region, 2);
	cr_assert_eq(act(&b, HW_LOAD, RAM + 0x11000, 4, false).region, 1);
	board_finish(&b);
}

Test(mpu, eighths_that_are_off_show_what_is_below)
{
	struct board b;

	board_init(&b);
	region(&b, 0, RAM, SIZE_1M, AP_ALL_READ, 0);
	region(&b, 1, RAM, SIZE_64K, AP_ALL, 0x81 << 8);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	cr_assert_str_eq(may(&b, RAM), "r-xr-x", "the first eighth is off");
	cr_assert_str_eq(may(&b, RAM + 0x1fff), "r-xr-x");
	cr_assert_str_eq(may(&b, RAM + 0x2000), "rwxrwx");
	cr_assert_str_eq(may(&b, RAM + 0xdfff), "rwxrwx");
	cr_assert_str_eq(may(&b, RAM + 0xe000), "r-xr-x", "and the last");
	region(&b, 2, RAM + 0x100, SIZE_32, AP_KERNEL, 0xff << 8);
	cr_assert_str_eq(may(&b, RAM + 0x100), "rwx---", "32 bytes are too small for eighths");
	region(&b, 2, RAM + 0x100, SIZE_256, AP_KERNEL, 0xfe << 8);
	cr_assert_str_eq(may(&b, RAM + 0x100), "rwx---");
	cr_assert_str_eq(may(&b, RAM + 0x120), "r-xr-x", "256 bytes have eighths of 32");
	board_finish(&b);
}

Test(mpu, where_no_region_is)
{
	struct board b;
	struct hw_access a;

	board_init(&b);
	region(&b, 0, RAM, SIZE_4K, AP_ALL, 0);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	a = act(&b, HW_LOAD, RAM + 0x1000, 4, false);
	cr_assert_eq(a.fault.fault, HW_FAULT_NO_REGION);
	cr_assert_eq(a.vector, 4, "MemManage");
	cr_assert_eq(reg(&b, HW_CFSR), 0x82, "DACCVIOL and MMARVALID");
	cr_assert_eq(reg(&b, HW_MMFAR), RAM + 0x1000);
	scs(&b, 0xe000ed94, MPU_ENABLE | MPU_PRIVDEFENA);
	cr_assert_str_eq(may(&b, RAM + 0x1000), "rw----", "the default map, for the kernel alone");
	cr_assert_eq(act(&b, HW_STORE, RAM + 0x1000, 4, true).fault.fault, HW_FAULT_MAP_USER);
	cr_assert_eq(act(&b, HW_FETCH, RAM + 0x1000, 4, false).fault.fault, HW_FAULT_MAP_EXEC);
	board_finish(&b);
}

Test(mpu, faults_have_their_registers)
{
	struct board b;
	struct hw_access a;

	board_init(&b);
	region(&b, 0, RAM, SIZE_1M, AP_USER_READS, MPU_RASR_XN);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	a = act(&b, HW_FETCH, RAM + 0x10, 2, true);
	cr_assert_eq(a.fault.fault, HW_FAULT_REGION_EXEC);
	cr_assert_eq(reg(&b, HW_CFSR), 0x01, "IACCVIOL; where, the stacked PC says");
	a = act(&b, HW_STORE, RAM + 0x20, 4, true);
	cr_assert_eq(a.fault.fault, HW_FAULT_REGION_WRITE);
	cr_assert_eq(reg(&b, HW_CFSR), 0x83, "the bits stay until they are cleared");
	cr_assert_eq(reg(&b, HW_MMFAR), RAM + 0x20);
	scs(&b, 0xe000ed28, 0x81);
	cr_assert_eq(reg(&b, HW_CFSR), 0x02, "a 1 written clears");
	region(&b, 1, 0x20000000, SIZE_1M, AP_ALL, 0);
	a = act(&b, HW_LOAD, 0x20000000, 4, true);
	cr_assert_eq(a.fault.fault, HW_FAULT_NO_RAM, "allowed, but nothing is there");
	cr_assert_eq(a.vector, 5, "a bus fault");
	cr_assert_eq(reg(&b, HW_CFSR), 0x8202);
	cr_assert_eq(reg(&b, HW_BFAR), 0x20000000);
	cr_assert_eq(b.cpu->counters.faults, 3);
	board_finish(&b);
}

Test(mpu, an_access_over_a_border_is_whole_or_not_at_all)
{
	struct board b;
	struct hw_access a = {.va = RAM + 0x1f,
		.bytes = 8,
		.kind = HW_STORE,
		.value = 0x1122334455667788,
		.user = true};

	board_init(&b);
	region(&b, 0, RAM, SIZE_1M, AP_ALL_READ, 0);
	region(&b, 1, RAM, SIZE_32, AP_ALL, 0);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	cr_assert_eq(hw_access(b.cpu, &b.ram.dram, &a, NULL), -EFAULT);
	cr_assert_eq(a.fault.va, RAM + 0x26, "the last byte lies in region 0");
	cr_assert_eq(a.fault.region, 0);
	cr_assert_eq(get(&b.ram, RAM + 0x18, 8), 0);
	region(&b, 0, RAM, SIZE_1M, AP_ALL, 0);
	cr_assert_eq(hw_access(b.cpu, &b.ram.dram, &a, NULL), 0);
	cr_assert_eq(act(&b, HW_LOAD, RAM + 0x1f, 8, true).value, 0x1122334455667788);
	a.va = UINT32_MAX - 2;
	cr_assert_eq(hw_access(b.cpu, &b.ram.dram, &a, NULL), -EFAULT, "there is no next address");
	board_finish(&b);
}

Test(mpu, its_registers_are_memory_of_the_kernel)
{
	struct board b;
	struct hw_access a;

	board_init(&b);
	scs(&b, 0xe000ed9c, 0x20001234 | MPU_RBAR_VALID | 5);
	cr_assert_eq(act(&b, HW_LOAD, 0xe000ed98, 4, false).value, 5, "VALID chooses the region");
	cr_assert_eq(act(&b, HW_LOAD, 0xe000ed9c, 4, false).value, 0x20001220 | 5);
	scs(&b, 0xe000eda4, 0x20002000 | MPU_RBAR_VALID | 6);
	scs(&b, 0xe000eda8, 0xffffffff);
	cr_assert_eq(
		act(&b, HW_LOAD, 0xe000eda0, 4, false).value, 0x173fff3f, "the bits that exist");
	a = act(&b, HW_LOAD, 0xe000ed98, 4, true);
	cr_assert_eq(a.fault.fault, HW_FAULT_PPB_USER);
	cr_assert_eq(a.vector, 5);
	cr_assert_eq(act(&b, HW_LOAD, 0xe000ed98, 2, false).fault.fault, HW_FAULT_PPB_WORD);
	cr_assert_eq(act(&b, HW_LOAD, 0xe000ed96, 4, false).fault.fault, HW_FAULT_PPB_WORD);
	cr_assert_eq(act(&b, HW_LOAD, 0xe0001000, 4, false).fault.fault, HW_FAULT_NO_RAM);
	cr_assert_neq(act(&b, HW_FETCH, 0xe000ed98, 4, false).fault.fault, HW_FAULT_NONE);
	region(&b, 7, 0, SIZE_4G, 0, 0);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	scs(&b, 0xe000ed94, 0);
	board_finish(&b);
}

Test(mpu, a_region_that_does_not_exist_is_lost)
{
	struct board b;

	board_init(&b);
	region(&b, 8, RAM, SIZE_1M, AP_ALL, 0);
	cr_assert_eq(reg(&b, HW_MPU_RASR), 0);
	cr_assert_eq(reg(&b, HW_MPU_RBAR), 0);
	scs(&b, 0xe000ed94, MPU_ENABLE);
	cr_assert_str_eq(may(&b, RAM), "------");
	board_finish(&b);
}

/* ---- against a dumb model: each region asked anew, byte by byte ---- */

static uint32_t dumb_flags(
	const uint32_t rbar[8], const uint32_t rasr[8], uint32_t ctrl, uint32_t at, bool broken)
{
	static const char *const by_ap[8] = {
		"------", "rwx---", "rwxr-x", "rwxrwx", "------", "r-x---", "r-xr-x", "r-xr-x"};
	bool device = (at >= 0x40000000 && at < 0x60000000) || at >= 0xa0000000;
	const char *words = device ? "rw-rw-" : "rwxrwx";
	uint32_t flags = 0;
	int hit = -1;

	for (int n = 0; n < 8 && ctrl & 1; n++) {
		unsigned size = rasr[n] >> 1 & 31;
		uint64_t bytes = 1ULL << (size + 1);

		if (!(rasr[n] & 1) || size < 4 || at / bytes != rbar[n] / bytes)
			continue;
		if (size >= 7 && !broken && rasr[n] >> (8 + at % bytes / (bytes / 8)) & 1)
			continue;
		hit = n;
		words = by_ap[rasr[n] >> 24 & 7];
	}
	if (hit < 0 && ctrl & 1 && !(ctrl & 4))
		return 0;
	for (unsigned i = 0; i < 6; i++)
		if (words[i] != '-')
			flags |= 1u << i;
	if (hit >= 0 && rasr[hit] >> 28 & 1)
		flags &= ~(uint32_t)(HW_PX | HW_UX);
	return hit < 0 && ctrl & 1 ? flags & HW_P_ALL : flags;
}

static unsigned differences(bool broken)
{
	struct rng rng = {4};
	struct mpu mpu;
	unsigned n = 0;

	mpu_init(&mpu, 8);
	for (unsigned step = 0; step < 30000; step++) {
		uint32_t rbar[8], rasr[8];
		uint32_t at = 0x60000000 + rng_below(&rng, 1 << 14);

		if (!rng_below(&rng, 20)) {
			mpu_write_rnr(&mpu, rng_below(&rng, 8));
			mpu_write_rbar(&mpu, 0x60000000 + rng_below(&rng, 1 << 14));
			mpu_write_rasr(&mpu, ((uint32_t)rng_next(&rng) & ~0x3eu) |
						     (3 + rng_below(&rng, 12)) << 1);
			mpu_write_ctrl(&mpu, rng_below(&rng, 20) ? 1 | rng_below(&rng, 2) << 2 : 0);
		}
		for (unsigned i = 0; i < 8; i++) {
			rbar[i] = mpu.region[i].rbar;
			rasr[i] = mpu.region[i].rasr;
		}
		uint32_t got = mpu_find(&mpu, at).flags & HW_ALL;

		n += got != dumb_flags(rbar, rasr, mpu.ctrl, at, broken);
		n += got != (mpu_lookup(&mpu, at).flags & HW_ALL);
		n += mpu_check(&mpu) != NULL;
	}
	return n;
}

Test(mpu, a_dumb_model_agrees)
{
	cr_assert_eq(differences(false), 0);
	cr_assert_gt(differences(true), 0, "a model without eighths is noticed");
}

/* Any value in any register, of any family. */
Test(mpu, registers_take_anything)
{
	struct rng rng = {8};
	struct board b;

	board_init(&b);
	for (unsigned step = 0; step < 20000; step++) {
		enum hw_reg r = (enum hw_reg)rng_below(&rng, NR_HW_REGS);
		int err = hw_reg_write(b.cpu, r, rng_next(&rng) >> rng_below(&rng, 64), NULL);

		cr_assert_eq(!err, hw_reg_exists(HW_ARM_M, r));
		act(&b, (enum hw_kind)rng_below(&rng, 3), rng_next(&rng) >> rng_below(&rng, 64),
			1 + rng_below(&rng, 8), rng_below(&rng, 2));
	}
	board_finish(&b);
}

Test(mpu, registers_of_the_others_take_anything_or_refuse_it)
{
	for (unsigned family = 0; family < NR_HW_FAMILIES; family++) {
		struct hw_cpu_desc desc = hw_cpu_default((enum hw_family)family);
		struct hw_cpu *cpu = lone_cpu(&desc);
		struct rng rng = {family};
		struct ram ram;

		ram_init(&ram, 1 << 20);
		for (unsigned step = 0; step < 20000; step++) {
			struct hw_access a = {.va = rng_next(&rng) >> rng_below(&rng, 64),
				.bytes = (uint8_t)(1 + rng_below(&rng, 8)),
				.kind = (uint8_t)rng_below(&rng, 3),
				.user = rng_below(&rng, 2)};
			int err;

			hw_reg_write(cpu, (enum hw_reg)rng_below(&rng, NR_HW_REGS),
				rng_next(&rng) >> rng_below(&rng, 64), NULL);
			err = hw_access(cpu, &ram.dram, &a, NULL);
			cr_assert(!err || err == -EFAULT);
		}
		cr_assert_null(hw_cpu_check(cpu));
		free(cpu);
		ram_finish(&ram);
	}
}

/* A description that puts RAM where the private peripheral bus is: the CPU's own registers answer all the same. */
Test(mpu, the_private_bus_is_no_ram)
{
	struct board b;

	board_init(&b);
	b.ram.dram.base = 0xe0000000;
	put32(&b.ram, 0xe000ed98, 0x12345678);
	scs(&b, 0xe000ed98, 3);
	cr_expect_eq(act(&b, HW_LOAD, 0xe000ed98, 4, false).value, 3);
	cr_expect_eq(get(&b.ram, 0xe000ed98, 4), 0x12345678);
	board_finish(&b);
}
