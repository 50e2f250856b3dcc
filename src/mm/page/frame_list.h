/* SPDX-License-Identifier: MIT
 *
 * Doubly linked lists of frames, the links lying in the frames themselves.
 *
 *	list.head -> frame <-> frame <-> frame <- list.tail		links hold pfn + 1, 0 is the end
 *
 * Free lists and per-CPU lists are made of these. A frame is on one list at most; which one is its owner's business.
 */
#ifndef SIMM_MM_FRAME_LIST_H
#define SIMM_MM_FRAME_LIST_H

#include "mm/page/frame.h"

/* Put @f, the frame of @pfn, at either end. */
static inline void frame_list_add(
	struct machine *m, struct frame_list *list, struct frame *f, uint64_t pfn, bool tail)
{
	uint32_t self = (uint32_t)(pfn + 1);

	if (tail) {
		f->prev = list->tail;
		f->next = 0;
		if (list->tail)
			frame_of(m, list->tail - 1)->next = self;
		else
			list->head = self;
		list->tail = self;
	} else {
		f->next = list->head;
		f->prev = 0;
		if (list->head)
			frame_of(m, list->head - 1)->prev = self;
		else
			list->tail = self;
		list->head = self;
	}
}

/* Take @f, a member, out of its place. Its links are stale afterwards. */
static inline void frame_list_del(
	struct machine *m, struct frame_list *list, const struct frame *f)
{
	if (f->prev)
		frame_of(m, f->prev - 1)->next = f->next;
	else
		list->head = f->next;
	if (f->next)
		frame_of(m, f->next - 1)->prev = f->prev;
	else
		list->tail = f->prev;
}

/* Turn the list so that @f, a member, the frame of @pfn, is its head: what was before it comes behind the tail. */
static inline void frame_list_turn(
	struct machine *m, struct frame_list *list, struct frame *f, uint64_t pfn)
{
	uint32_t before = f->prev;

	if (!before)
		return;
	frame_of(m, list->tail - 1)->next = list->head;
	frame_of(m, list->head - 1)->prev = list->tail;
	frame_of(m, before - 1)->next = 0;
	f->prev = 0;
	list->head = (uint32_t)(pfn + 1);
	list->tail = before;
}

#endif
