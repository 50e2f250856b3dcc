/* SPDX-License-Identifier: MIT
 *
 * The presets as the build embeds them (examples/machines/embed.py).
 */
#ifndef SIMM_MM_PRESET_H
#define SIMM_MM_PRESET_H

#include "mm/boot/describe.h"

/* Ends with a NULL name. */
extern const struct preset presets[];

#endif
