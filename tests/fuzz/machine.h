/* SPDX-License-Identifier: MIT
 *
 * A small machine for a fuzz target: a preset with so little RAM that it boots in a millisecond, thousands of times over.
 */
#ifndef TESTS_FUZZ_MACHINE_H
#define TESTS_FUZZ_MACHINE_H

#include "simm/simm.h"

#include <assert.h>

/* One whose kernel's configuration is edited, as by -o config=; NULL: as the preset has it. */
static inline struct simm *fuzz_machine_config(
	const char *preset, const char *ram, const char *kernel_config)
{
	struct simm_config *config = simm_config_new();
	char error[512];
	int err = simm_config_machine(config, preset, error, sizeof(error));

	assert(!err);
	err = simm_config_option(config, "ram", ram, error, sizeof(error));
	assert(!err);
	if (kernel_config)
		err = simm_config_option(config, "config", kernel_config, error, sizeof(error));
	assert(!err);
	struct simm *simm = simm_create(config, error, sizeof(error));
	assert(simm);
	simm_config_free(config);
	(void)err;
	return simm;
}

static inline struct simm *fuzz_machine(const char *preset, const char *ram)
{
	return fuzz_machine_config(preset, ram, NULL);
}

#endif
