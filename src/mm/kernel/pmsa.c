/* SPDX-License-Identifier: MIT
 *
 * Setting up the MPU (see pmsa.h): what a Cortex-M's kernel does where others make page tables.
 *
 *	region 0    all 4 GiB           strongly ordered, nothing executed, everybody reads and writes
 *	region 1..  the kernel in flash normal memory, the kernel reads and executes
 *	region n..  RAM                 normal memory, everybody does everything
 *
 * The default memory map behind the regions is switched off. So a wild jump is caught, but user programs can write to
 * all of RAM, the kernel's own data included: that is what Linux 6.1 does on these machines, since every program would
 * need regions of its own, which are few, and must be powers of two.
 *
 * A range that is no power of two becomes one region with eighths switched off, where eighths fit; else the largest
 * power of two from its beginning, and then the rest.
 *
 * Left out: what lies in the flash (nothing answers there). Follows arch/arm/mm/pmsa-v7.c and kernel/head-nommu.S of 6.1.
 */
#include "mm/kernel/pmsa.h"

#include "base/parse.h"
#include "mm/kernel/cpus.h"
#include "mm/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Quad-SPI flash of STM32F4 boards; code and constants of a kernel of their configuration. */
#define XIP_PHYS_ADDR 0x90000000u
#define XIP_BYTES     0x2d0000u
enum { EIGHTHS = 8, EIGHTHS_MIN_BYTES = 256, MIN_ORDER = 5, MAX_ORDER_OF_REGION = 32 };

static const struct {
	const char *word;
	uint32_t bits;
} property_words[] = {
	{"ACR_XN", PMSA_XN},
	{"ACR_SHARED", PMSA_SHARED},
	{"RGN_STRONGLY_ORDERED", PMSA_STRONGLY_ORDERED},
	{"RGN_CACHEABLE", PMSA_CACHEABLE},
	{"RGN_SHARED_CACHEABLE", PMSA_CACHEABLE | PMSA_SHARED},
	{"RGN_NORMAL", PMSA_CACHEABLE},
	{"AP_PL1RO_PL0NA", PMSA_KERNEL_READS},
	{"AP_PL1RW_PL0RW", PMSA_ALL},
	{"AP_PL1RW_PL0R0", PMSA_USER_READS},
	{"AP_PL1RW_PL0RO", PMSA_USER_READS},
	{"AP_PL1RW_PL0NA", PMSA_KERNEL},
};

static uint64_t power_of_two_from(uint64_t bytes)
{
	uint64_t power = 1;

	while (power < bytes)
		power <<= 1;
	return power;
}

/* As one region, with eighths off at its ends? */
static bool one_piece(uint64_t start, uint64_t bytes, struct pmsa_piece *out)
{
	uint64_t size = power_of_two_from(bytes), base = start & ~(size - 1),
		 eighth = size / EIGHTHS;
	uint64_t before = start - base, after = base + size - (start + bytes);

	if (start + bytes > base + size)
		return false;
	*out = (struct pmsa_piece){base, size, 0};
	if (!before && !after)
		return true;
	if (size < EIGHTHS_MIN_BYTES * EIGHTHS || before % eighth || after % eighth)
		return false;
	for (unsigned i = 0; i < EIGHTHS; i++)
		if (i < before / eighth || i >= EIGHTHS - after / eighth)
			out->off |= (uint8_t)(1u << i);
	return true;
}

unsigned pmsa_cover(uint64_t start, uint64_t bytes, unsigned most, struct pmsa_piece *out)
{
	unsigned n = 0;

	while (bytes && n < most) {
		uint64_t part = bytes;

		if (!one_piece(start, bytes, &out[n])) {
			uint64_t aligned = start & -start;

			part = power_of_two_from(bytes / 2 + 1);
			part = aligned && aligned < part ? aligned : part;
			if (part < 1u << MIN_ORDER)
				break;
			out[n] = (struct pmsa_piece){start, part, 0};
		}
		n++;
		start += part;
		bytes -= part;
	}
	return n;
}

unsigned pmsa_cover_xip(unsigned nr_regions, struct pmsa_piece *out, unsigned *left)
{
	unsigned most = nr_regions ? nr_regions - 1 : 0; /* region 0 is the background */
	unsigned n = pmsa_cover(XIP_PHYS_ADDR, XIP_BYTES, most, out);

	*left = most - n;
	return n;
}

static bool parse_bits(const char *s, size_t len, uint64_t *bits)
{
	bool hex = len > 2 && s[0] == '0' && s[1] == 'x';

	return parse_u64(s + 2 * hex, len - 2 * (size_t)hex, hex ? 16 : 10, bits);
}

int pmsa_properties_parse(const char *s, size_t len, uint32_t *properties, struct refusal *why)
{
	static const char prefix[] = "PMSAv7_";
	uint64_t number;

	*properties = 0;
	if (parse_bits(s, len, &number)) {
		*properties = (uint32_t)number & 0xffff;
		return 0;
	}
	while (len) {
		size_t n = 0, skip = 0;
		unsigned i = 0;

		while (n < len && s[n] != '|' && s[n] != '+')
			n++;
		if (n > sizeof(prefix) - 1 && !memcmp(s, prefix, sizeof(prefix) - 1))
			skip = sizeof(prefix) - 1;
		while (i < sizeof(property_words) / sizeof(property_words[0]) &&
			!parse_is(s + skip, n - skip, property_words[i].word))
			i++;
		if (i == sizeof(property_words) / sizeof(property_words[0]))
			return refuse(why, EINVAL,
				"%.*s is no property of a region: they are ACR_XN, ACR_SHARED, "
				"RGN_NORMAL, "
				"RGN_STRONGLY_ORDERED, AP_PL1RW_PL0NA, AP_PL1RW_PL0R0, "
				"AP_PL1RW_PL0RW, AP_PL1RO_PL0NA, joined by |, each with PMSAv7_ or "
				"without",
				(int)(n < 40 ? n : 40), s);
		*properties |= property_words[i].bits;
		n += n < len;
		s += n;
		len -= n;
	}
	return 0;
}

int mpu_setup_region(struct machine *m, unsigned cpu, uint64_t number, uint64_t start,
	uint64_t size_order, uint32_t properties, uint64_t subregions)
{
	struct hw_cpu *c = machine_cpu(m, cpu);

	if (!c)
		return -m->why.err;
	if (number >= c->desc.mpu_regions)
		return refuse(&m->why, ENOENT, "there is no region %llu: the MPU has %u of them",
			(unsigned long long)number, c->desc.mpu_regions);
	if (size_order < MIN_ORDER || size_order > MAX_ORDER_OF_REGION)
		return refuse(&m->why, ENOMEM,
			"a region has 2^5 to 2^32 bytes: a size order from 5 to 32");
	hw_reg_write(c, HW_MPU_RNR, number, NULL);
	hw_reg_write(c, HW_MPU_RBAR, start & ~31u, NULL);
	hw_reg_write(c, HW_MPU_RASR,
		(uint64_t)properties << 16 | (subregions & 0xff) << MPU_RASR_SRD_SHIFT |
			(size_order - 1) << MPU_RASR_SIZE_SHIFT | MPU_RASR_ENABLE,
		NULL);
	return 0;
}

static int set_pieces(struct machine *m, unsigned *region, const struct pmsa_piece *piece,
	unsigned n, uint32_t properties)
{
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++)
		err = mpu_setup_region(m, 0, (*region)++, piece[i].base,
			(unsigned)__builtin_ctzll(piece[i].bytes), properties, piece[i].off);
	return err;
}

int pmsa_setup(struct machine *m)
{
	const struct memblock_region *ram = &m->memblock.memory.region[0];
	struct pmsa_piece xip[MPU_MAX_REGIONS], rams[MPU_MAX_REGIONS];
	unsigned region = 0, left, nr_xip, nr_ram;
	struct hw_cpu *c = machine_cpu(m, 0);

	if (!c)
		return -m->why.err;
	if (!c->desc.mpu_regions)
		return 0;
	nr_xip = pmsa_cover_xip(c->desc.mpu_regions, xip, &left);
	nr_ram = pmsa_cover(ram->start, ram->end - ram->start, left, rams);
	int err = mpu_setup_region(
		m, 0, region++, 0, 32, PMSA_XN | PMSA_STRONGLY_ORDERED | PMSA_ALL, 0);

	if (!err)
		err = set_pieces(m, &region, xip, nr_xip, PMSA_KERNEL_READS | PMSA_CACHEABLE);
	if (!err)
		err = set_pieces(m, &region, rams, nr_ram, PMSA_ALL | PMSA_CACHEABLE);
	if (err)
		return err;
	hw_reg_write(c, HW_MPU_CTRL, MPU_ENABLE, NULL);
	log_printf(m,
		"Using ARMv7 PMSA Compliant MPU. Region independence: No, Used %u of %u regions",
		region, c->desc.mpu_regions);
	return 0;
}
