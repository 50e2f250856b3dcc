/* SPDX-License-Identifier: MIT
 *
 * Translations in words: what sim/walk and sim/cpuN/tlb say alike.
 */
#ifndef SIMM_VIEW_TRANSLATION_H
#define SIMM_VIEW_TRANSLATION_H

#include "base/text.h"

#include <stdint.h>

/* "4K", "2M", "1G". */
void put_page_size(struct text *out, unsigned shift);
/* "kernel rw-, user ---" of enum hw_page_flags. */
void put_permissions(struct text *out, uint32_t flags);

#endif
