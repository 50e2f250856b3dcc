/* SPDX-License-Identifier: MIT
 *
 * The memory protection unit from outside: sim/cpuN/mpu, its regions in words; and mpu_setup_region, the kernel's
 * function that sets one.
 *
 *	MPU          on, 8 regions; where no region is: nobody (PRIVDEFENA is 0)
 *	region 1     0xc0000000-0xc0ffffff 16M   kernel rwx, user rwx, normal, write-back
 *
 * The region with the highest number that has an address decides, so they are listed as they are asked: last first.
 * The registers themselves are memory of the system control space, which bare stores reach (src/hw/scs.c).
 */
#include "view/call.h"
#include "view/files.h"

#include "mm/kernel/cpus.h"
#include "mm/kernel/pmsa.h"
#include "view/translation.h"

#include <errno.h>

typedef unsigned long long ull;

static void put_bytes(struct text *out, uint64_t bytes)
{
	char unit = bytes >> 30 ? 'G' : bytes >> 20 ? 'M' : bytes >> 10 ? 'K' : 'B';

	text_printf(out, " %llu%c",
		(ull)(bytes >> 30     ? bytes >> 30
			: bytes >> 20 ? bytes >> 20
			: bytes >> 10 ? bytes >> 10
				      : bytes),
		unit);
}

/* The eighths that are off, neighbours as one. */
static void put_off(struct text *out, const struct mpu_region *r)
{
	uint64_t base = mpu_region_base(r), eighth = mpu_region_bytes(r) / 8;
	uint8_t off = mpu_region_off(r);
	const char *before = "; off:";

	for (unsigned first = 0, end; first < 8; first = end + 1) {
		end = first;
		while (end < 8 && off >> end & 1)
			end++;
		if (end == first)
			continue;
		text_printf(out, "%s 0x%08llx-0x%08llx", before, (ull)(base + eighth * first),
			(ull)(base + eighth * end - 1));
		before = ",";
	}
}

static void put_region(struct text *out, unsigned n, const struct mpu_region *r)
{
	uint32_t base = mpu_region_base(r);
	uint64_t bytes = mpu_region_bytes(r);

	text_printf(out, "region %-5u ", n);
	if (!mpu_region_on(r)) {
		text_puts(out, "off\n");
		return;
	}
	text_printf(out, "0x%08x-0x%08llx", base, (ull)(base + bytes - 1));
	put_bytes(out, bytes);
	text_puts(out, "  ");
	put_permissions(out, mpu_region_flags(r));
	text_printf(out, ", %s", mpu_region_memory(r));
	put_off(out, r);
	text_putc(out, '\n');
}

int show_cpu_mpu(struct view *v, struct text *out)
{
	const struct hw_cpu *cpu = machine_cpu_peek(v->m, (unsigned)v->arg[0]);

	if (!cpu || !cpu->mpu.nr_regions) {
		text_puts(out, "MPU          none: this CPU has no regions\n");
		return 0;
	}
	const struct mpu *mpu = &cpu->mpu;
	bool on = mpu->ctrl & MPU_ENABLE;

	text_printf(out,
		"MPU          %s, %u regions; the highest one that has an address decides\n",
		on ? "on" : "off: the default memory map is everybody's", mpu->nr_regions);
	for (unsigned n = mpu->nr_regions; n-- > 0;)
		put_region(out, n, &mpu->region[n]);
	text_printf(out, "elsewhere    %s\n",
		!on ? "the default memory map"
		: mpu->ctrl & MPU_PRIVDEFENA
			? "the default memory map, for the kernel (PRIVDEFENA is 1)"
			: "nobody (PRIVDEFENA is 0)");
	return 0;
}

int call_mpu_setup_region(struct call *c)
{
	const struct call_value *number = &c->arg[0], *start = &c->arg[1], *order = &c->arg[2],
				*properties = &c->arg[3], *subregions = &c->arg[4];
	uint32_t bits;

	if (start->number > UINT32_MAX)
		return refuse_at(&c->m->why, EINVAL, start->column, (uint32_t)start->len,
			"addresses of this machine have 32 bits");
	if (subregions->number > 0xff)
		return refuse_at(&c->m->why, EINVAL, subregions->column, (uint32_t)subregions->len,
			"SUBREGIONS has 8 bits: one for each eighth that is to be off");
	int err = pmsa_properties_parse(properties->word, properties->len, &bits, &c->m->why);

	if (err)
		return err;
	return mpu_setup_region(c->m, c->cpu, number->number, start->number, order->number, bits,
		subregions->number);
}
