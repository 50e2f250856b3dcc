/* SPDX-License-Identifier: MIT
 *
 * Programmed I/O: the CPU reads and writes a device's registers, a word at a time (see engine.h).
 *
 *	ioread32_rep(FIFO, buf, n):   n x { read the register: the bus, and the device's answer;  store the word }
 *
 * Each read of a register waits for its answer, nothing is cached, and the CPU does nothing else meanwhile. That is what
 * DMA is for.
 *
 *	readl(), writel()       by the register's offset, of a device that need not be anywhere
 *	loads and stores        by an address that leads to the device's registers: ioremap()'s, a mapping of /dev/mem. Aligned
 *	                        words of 4 bytes; of others, and where there is no register, zeroes are read and writes ignored
 *
 * Left out: registers that do more; 8 and 16 bits; write combining.
 */
#include "mm/dma/engine.h"

#include "mm/kernel/cpus.h"

#include <errno.h>

/* The time of one register access of @cpu. */
static void charge(struct machine *m, unsigned cpu, bool write)
{
	if (write)
		clock_charge(m, MMIO_WRITE);
	else
		clock_charge(m, MMIO_READ);
	if (m->devices.nr_busy)
		clock_charge_ns(m, bus_cpu_wait(m, cpu, 1, 4));
}

static int no_register(struct machine *m, const struct device *d, uint64_t reg, const char *what)
{
	return refuse(&m->why, EINVAL,
		"%s has no register to %s at offset 0x%llx: sim/devices/%s/registers shows those "
		"there are",
		d->name, what, (unsigned long long)reg, d->name);
}

/* The device whose registers are at @pa; NULL: none. */
static struct device *device_at(const struct machine *m, uint64_t pa)
{
	for (struct device *d = device_from(m, 1); d; d = device_from(m, d->id + 1))
		if (pa - d->reg_start < d->reg_bytes)
			return d;
	return NULL;
}

int device_registers_access(
	const struct registers *r, uint64_t pa, unsigned bytes, bool write, uint64_t *value)
{
	struct machine *m = r->owner;
	struct device *d = device_at(m, pa);
	uint32_t word = (uint32_t)*value;

	if (!d)
		return -ENXIO;
	if (!bytes)
		return 0;
	uint64_t reg = pa - d->reg_start;
	if (bytes != 4 || reg % 4 || reg > DEVICE_REG_WORD) {
		charge(m, r->cpu, write);
		*value = 0;
		return 0;
	}
	/* The status cannot be written, which is no error on a bus. */
	if (write && reg == DEVICE_REG_STATUS) {
		charge(m, r->cpu, true);
		return 0;
	}
	if (write)
		return device_writel(m, r->cpu, d, reg, word);
	int err = device_readl(m, r->cpu, d, reg, &word);
	*value = word;
	return err;
}

int device_readl(struct machine *m, unsigned cpu, struct device *d, uint64_t reg, uint32_t *value)
{
	struct hw_engine *e = device_engine(m, d);
	uint8_t word[4];

	if (!e)
		return -m->why.err;
	switch (reg) {
	case DEVICE_REG_FIFO:
		hw_engine_give(e, e->fifo_word, word, 4, 0);
		memcpy(value, word, 4);
		break;
	case DEVICE_REG_STATUS:
		*value = (e->nr != 0) | (uint32_t)(e->failed != 0) << 1;
		break;
	case DEVICE_REG_SUM:
		*value = e->fifo_sum;
		break;
	case DEVICE_REG_WORD:
		*value = e->fifo_word;
		break;
	default:
		return no_register(m, d, reg, "read");
	}
	charge(m, cpu, false);
	return 0;
}

int device_writel(struct machine *m, unsigned cpu, struct device *d, uint64_t reg, uint32_t value)
{
	struct hw_engine *e = device_engine(m, d);
	uint8_t word[4];

	if (!e)
		return -m->why.err;
	switch (reg) {
	case DEVICE_REG_FIFO:
		memcpy(word, &value, 4);
		hw_engine_take(e, word, 4, e->fifo_taken);
		break;
	case DEVICE_REG_SUM:
		e->fifo_sum = value;
		break;
	case DEVICE_REG_WORD:
		e->fifo_word = value;
		break;
	default:
		return no_register(m, d, reg, "write");
	}
	charge(m, cpu, true);
	return 0;
}

static int one_word(struct machine *m, unsigned cpu, struct device *d, bool to_device, uint64_t va)
{
	struct hw_access a = {.va = va, .bytes = 4, .kind = to_device ? HW_LOAD : HW_STORE};
	uint32_t word = 0;
	int err;

	if (to_device) {
		err = machine_access(m, cpu, &a);
		return err ? err : device_writel(m, cpu, d, DEVICE_REG_FIFO, (uint32_t)a.value);
	}
	err = device_readl(m, cpu, d, DEVICE_REG_FIFO, &word);
	a.value = word;
	return err ? err : machine_access(m, cpu, &a);
}

int device_fifo_rep(struct machine *m, unsigned cpu, struct device *d, bool to_device, uint64_t va,
	uint64_t count, uint64_t *done)
{
	for (*done = 0; *done < count; ++*done) {
		int err = one_word(m, cpu, d, to_device, va + 4 * *done);

		if (err == -EFAULT)
			return refuse(&m->why, EFAULT,
				"the CPU faults at 0x%llx: sim/walk/%llx says why",
				(unsigned long long)(va + 4 * *done),
				(unsigned long long)(va + 4 * *done));
		if (err)
			return err;
	}
	return 0;
}
