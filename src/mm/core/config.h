/* SPDX-License-Identifier: MIT
 *
 * A machine's kernel configuration: a set of the names in config.def.
 */
#ifndef SIMM_MM_CONFIG_H
#define SIMM_MM_CONFIG_H

#include "base/refuse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config {
#define CONFIG(name, doc) CONFIG_##name,
#include "mm/core/config.def"
	NR_CONFIGS
};
_Static_assert(NR_CONFIGS <= 64, "struct config_set is one word");

struct config_set {
	uint64_t bits;
};

static inline bool config_has(struct config_set set, enum config c)
{
	return set.bits >> c & 1;
}

static inline void config_put(struct config_set *set, enum config c, bool on)
{
	set->bits = (set->bits & ~((uint64_t)1 << c)) | ((uint64_t)on << c);
}

/* "CMA" for CONFIG_CMA. */
const char *config_name(enum config c);
/* Does it follow from the machine's architecture, so that no edit changes it? */
bool config_is_fixed(enum config c);

/* Apply an edit like "debian", "+CMA,-SMP" or "debian,+CMA" to @set. @debian is what the word `debian`
 * stands for. Errors: EINVAL with a sentence that suggests the nearest name. */
int config_edit(struct config_set *set, struct config_set debian, const char *edit,
	struct refusal *why);

#endif
