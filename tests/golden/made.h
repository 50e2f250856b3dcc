/* SPDX-License-Identifier: MIT
 *
 * Machines with the zones, nodes, CPUs and configuration of the oracle's, made by hand from its zoneinfo and its
 * kernel's .config: nothing is booted and nothing is free, which is enough to look at files' form.
 */
#ifndef SIMM_TESTS_MADE_H
#define SIMM_TESTS_MADE_H

#include "mm/machine.h"

#define NR_ORACLES 6

struct oracle_machine {
	const char *name;   /* folder of the oracle */
	const char *config; /* of kernel-configs */
	enum arch arch;
	unsigned nr_orders, pageblock_order, section_shift;
};
extern const struct oracle_machine oracles[NR_ORACLES];

/* NULL without the oracle. To be ended by made_destroy(). */
struct machine *made_machine(const struct oracle_machine *o);
void made_destroy(struct machine *m);

#endif
