/* SPDX-License-Identifier: MIT
 *
 * page.flags as the kernel prints it (%pGp): "0x200(slab|node=0|zone=1|lastcpupid=0x1fffff)".
 */
#ifndef SIMM_MM_PAGE_FLAGS_H
#define SIMM_MM_PAGE_FLAGS_H

#include <stdint.h>

struct machine;
struct text;

void page_flags_print(const struct machine *m, uint64_t pfn, struct text *out);

#endif
