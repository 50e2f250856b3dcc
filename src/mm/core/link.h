/* SPDX-License-Identifier: MIT
 *
 * Doubly linked lists inside the arena: <linux/list.h> with arena offsets instead of pointers, so that a list is
 * plain state and is copied with its machine.
 *
 *	struct link head in an object  <->  struct link member of each element
 *
 * A head that was never used (all zero) is an empty list.
 */
#ifndef SIMM_MM_LINK_H
#define SIMM_MM_LINK_H

#include "mm/core/link_type.h"
#include "mm/machine.h"

#include <stddef.h>

/* The arena offset of something that lies in the arena. */
static inline uint64_t machine_ref(const struct machine *m, const void *p)
{
	return (uint64_t)((const char *)p - (const char *)m);
}

static inline struct link *link_at(const struct machine *m, uint64_t at)
{
	return machine_at(m, at);
}

static inline bool link_list_empty(const struct machine *m, const struct link *head)
{
	return !head->next || head->next == machine_ref(m, head);
}

/* Is this element on a list? */
static inline bool link_on_list(const struct link *l)
{
	return l->next != 0;
}

static inline void link_insert(struct machine *m, struct link *after, struct link *l)
{
	uint64_t at = machine_ref(m, l), after_at = machine_ref(m, after);

	if (!after->next)
		after->next = after->prev = after_at;
	l->prev = after_at;
	l->next = after->next;
	link_at(m, after->next)->prev = at;
	after->next = at;
}

static inline void link_add(struct machine *m, struct link *head, struct link *l)
{
	link_insert(m, head, l);
}

static inline void link_add_tail(struct machine *m, struct link *head, struct link *l)
{
	if (!head->next)
		head->next = head->prev = machine_ref(m, head);
	link_insert(m, link_at(m, head->prev), l);
}

static inline void link_del(struct machine *m, struct link *l)
{
	if (!l->next)
		return;
	link_at(m, l->prev)->next = l->next;
	link_at(m, l->next)->prev = l->prev;
	l->next = l->prev = 0;
}

/* The first element behind @l (an element, or the head), NULL at the end. */
static inline struct link *link_next(const struct machine *m, const struct link *head, const struct link *l)
{
	if (!l->next || l->next == machine_ref(m, head))
		return NULL;
	return link_at(m, l->next);
}

/* The same backwards. */
static inline struct link *link_prev(const struct machine *m, const struct link *head, const struct link *l)
{
	if (!l->prev || l->prev == machine_ref(m, head))
		return NULL;
	return link_at(m, l->prev);
}

#define link_entry(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

/* for (each @l of @head): @l may not be removed meanwhile; use link_next() by hand for that. */
#define link_for_each(m, head, l) for (struct link *l = link_next(m, head, head); l; l = link_next(m, head, l))
#define link_for_each_reverse(m, head, l) \
	for (struct link *l = link_prev(m, head, head); l; l = link_prev(m, head, l))

#endif
