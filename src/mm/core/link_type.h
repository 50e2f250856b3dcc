/* SPDX-License-Identifier: MIT
 *
 * The type of core/link.h's lists, apart from its functions, for structures that struct machine holds.
 */
#ifndef SIMM_MM_LINK_TYPE_H
#define SIMM_MM_LINK_TYPE_H

#include <stdint.h>

struct link {
	uint64_t next, prev; /* arena offsets of struct link; 0: on no list */
};

#endif
