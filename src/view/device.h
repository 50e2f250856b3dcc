/* SPDX-License-Identifier: MIT
 *
 * The device that a path or a ctl file means.
 */
#ifndef SIMM_VIEW_DEVICE_H
#define SIMM_VIEW_DEVICE_H

#include "mm/dma/device.h"
#include "view/view.h"

static inline struct device *view_device(const struct view *v)
{
	return device_find(v->m, (uint32_t)v->arg[0]);
}

struct call;
struct scatterlist;
/* The segments' bus addresses get the names NAME.0 ..., of the call's argument @arg (calls_dma.c). Errors: EINVAL, EDQUOT. */
int name_segments(struct call *c, unsigned arg, const struct scatterlist *sg, uint32_t nr, uint64_t dir);

/* One number in @data, from @low to @high, blanks around it left out. Errors: EINVAL with a sentence. */
int device_number(
	struct view *v, const char *data, size_t len, uint64_t low, uint64_t high, uint64_t *value);

#endif
