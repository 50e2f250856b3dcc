/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of guessing a program's layout: image.c finds the parts, image_fit.c their inner bounds.
 */
#ifndef SIMM_REPLAY_IMAGE_INTERNAL_H
#define SIMM_REPLAY_IMAGE_INTERNAL_H

#include "replay/image.h"

enum image_access { IMAGE_READ, IMAGE_WRITE, IMAGE_FETCH };

/* A fault within an image. */
struct image_fault {
	uint64_t addr;
	int16_t file_pages; /* -1: not recorded */
	uint8_t access;	    /* enum image_access */
	bool major, protection;
	bool clears;  /* execve's own: it clears what follows the file's data in its last page */
	uint32_t run; /* index of image_run */
};

/* Fit text, rodata, data and bss of @img (base and end are right; data is when @data_known) to @faults. False: host
 * memory ended. */
bool image_fit(struct image *img, bool data_known, const struct image_fault *faults, size_t nr);

#endif
