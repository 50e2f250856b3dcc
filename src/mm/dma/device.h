/* SPDX-License-Identifier: MIT
 *
 * The machine's devices: made at boot from the description, or by hand; found by name or number; ended.
 */
#ifndef SIMM_MM_DMA_DEVICE_H
#define SIMM_MM_DMA_DEVICE_H

#include "mm/machine.h"

#include <stddef.h>

/* NULL: there is none. The pointers hold until a device is made or ended. */
struct device *device_find(const struct machine *m, uint32_t id);
struct device *device_by_name(const struct machine *m, const char *name, size_t len);
/* The device of the lowest id from @id on; NULL: none. */
struct device *device_from(const struct machine *m, uint32_t id);

/* A platform device without resources: masks of 32 bits, coherent where the architecture's devices are, 32 address lines.
 * Errors: EINVAL (a bad name), EEXIST, ENOSPC, EDQUOT. */
int device_make(struct machine *m, const char *name, size_t len, struct device **out);
/* Ends it and all that it had. Errors: EBUSY while something is mapped for it or it still moves bytes (dma-debug
 * is told of the former), EPERM: it is part of the board. */
int device_remove(struct machine *m, struct device *d);

/* Its engine, made when this is the first use. NULL: EDQUOT, ENOMEM (m->why). */
struct hw_engine *device_engine(struct machine *m, struct device *d);
static inline struct hw_engine *device_engine_peek(const struct machine *m, const struct device *d)
{
	return d->engine_at ? machine_at(m, d->engine_at) : NULL;
}

/* Do its accesses go through the CPUs' caches? */
bool device_default_coherent(const struct machine *m);
/* Errors: EINVAL: the architecture has no such devices; EBUSY: something is mapped. */
int device_set_coherent(struct machine *m, struct device *d, bool coherent);

/* dev_driver_string(): its driver's name, or its bus's. */
const char *dev_driver_string(const struct device *d);
/* Bind it to a driver of that name, which takes the place of the last one; @len 0: to none. Errors: EINVAL. */
int device_set_driver(struct machine *m, struct device *d, const char *name, size_t len);

/* Give a device that mkdir made registers at [start, start + bytes), shown in proc/iomem; 0 bytes: none. Errors: EPERM, EINVAL
 * (RAM is there), EBUSY (a part of another resource), EDQUOT. */
int device_set_reg(struct machine *m, struct device *d, uint64_t start, uint64_t bytes);

/* A line of the device's log: what its interrupt handler would see. */
void device_log(struct machine *m, struct device *d, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void device_show_log(const struct machine *m, const struct device *d, struct text *out);
/* "NAME: ..." in the kernel's log, as dev_warn(), dev_err() print it: "DRIVER NAME: ". */
void dev_printk(struct machine *m, const struct device *d, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The invariants; returns violations, a line each in @out. */
unsigned devices_check(struct machine *m, struct text *out);

#endif
