/* SPDX-License-Identifier: MIT
 *
 * What the parts of replaying a process share: process_replay.c, which knows the order of acts, process_calls.c, which
 * makes calls, and process_image.c, which begins programs.
 */
#ifndef SIMM_REPLAY_PROCESS_INTERNAL_H
#define SIMM_REPLAY_PROCESS_INTERNAL_H

#include "mm/process/task.h"
#include "replay/process_replay.h"

/* The act at hand. */
struct actor {
	struct process_replay *pr;
	struct machine *m;
	uint32_t thread, process;
	struct task *t;
	struct rec_process *rec;
	struct replayed *r;
};

/* Do the call @c of @a->t. 0 or -errno with m->why; *@elsewhere is set when its result is another than recorded. */
int process_call_act(struct actor *a, const struct rec_call *c, bool *elsewhere);

/* execve() of the program that @c names, laid out as @p tells (its images not there: as the kernel does for one of that name). */
int process_exec(struct actor *a, const struct rec_call *c, const struct program_layout *p);

/* A process of which nothing is known yet: the name and nothing mapped. */
int process_begin_empty(struct actor *a, const char *name, size_t len);

/* The file named @path, made when there is none: of the recording, so its pages are in the page cache. NULL: m->why. */
struct file *recorded_file(struct actor *a, const char *path, size_t len, uint32_t flags);
/* [offset, offset + bytes) of @f is mapped at @addr: it has at least these bytes, and pages whose recorded faults were
 * major are not in the page cache. 0 or -errno. */
int prepare_file(struct actor *a, struct file *f, uint64_t addr, uint64_t bytes, uint64_t offset);

/* The pages around a fault that the recorded machine did not have in its page cache, as fewer came with it than would come
 * here: they are not in the cache here, either. */
void hide_uncached(struct actor *a, const struct rec_fault *f);

/* Take over RSS and faults as they are now. @cpu: of the recording, on which it happened. */
void process_note(struct actor *a, unsigned cpu);

#endif
