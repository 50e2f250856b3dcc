/* SPDX-License-Identifier: MIT
 *
 * The parts of describe_finish() that work out where RAM is (describe_ram.c), and the line of
 * options.
 */
#ifndef SIMM_MM_RANGES_H
#define SIMM_MM_RANGES_H

#include "mm/boot/describe.h"

/* d->ram from d->fw and the option ram=. */
int ranges_ram(struct machine_desc *d, struct refusal *why);
/* d->node: RAM in d->nr_nodes equal shares. */
int ranges_spread(struct machine_desc *d, struct refusal *why);
/* Sort, and give each address to the entry of the highest type that claims it; neighbours of one type join. The
 * number of ranges that remain, or 0 when they would be more than @cap. */
unsigned ranges_normalise(struct firmware_range *list, unsigned nr, unsigned cap);
/* The facts of a dump become the firmware's part of the description, and what they say of the
 * configuration. */
int describe_like(struct machine_desc *d, struct refusal *why);
void describe_like_config(const struct machine_desc *d, struct config_set *set);
/* d->options. */
void describe_options_line(struct machine_desc *d);

#endif
