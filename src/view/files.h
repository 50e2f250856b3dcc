/* SPDX-License-Identifier: MIT
 *
 * The prototypes of every function and argument that a row of fs-layout names, made from the rows
 * themselves: a new file of the mount is one row and one function, whose .c file includes this
 * header.
 *
 * ROW() rows name their functions inside designated initialisers, out of reach of a macro: theirs
 * are written by hand at the end.
 */
#ifndef SIMM_VIEW_FILES_H
#define SIMM_VIEW_FILES_H

#include "view/view.h"

/* FILES_PICK(FILES_SKIP_##f, show_fn f;, ) is `show_fn f;`, and nothing when the row says NULL for
 * f. */
#define FILES_SKIP_NULL		~,
#define FILES_SECOND(a, b, ...) b
#define FILES_PICK(...)		FILES_SECOND(__VA_ARGS__)

typedef uint64_t size_fn(struct view *v);

#define DIR(path, mode, need, doc)
#define TEXT(path, mode, need, show, store, doc)                                                   \
	FILES_PICK(FILES_SKIP_##show, show_fn show;, )                                             \
	FILES_PICK(FILES_SKIP_##store, store_fn store;, )
#define BLOB(path, mode, need, read, write, size, doc)                                             \
	FILES_PICK(FILES_SKIP_##read, read_fn read;, )                                             \
	FILES_PICK(FILES_SKIP_##write, write_fn write;, )                                          \
	FILES_PICK(FILES_SKIP_##size, size_fn size;, )
#define LINK(path, need, show, doc)	   show_fn show;
#define ROW(path, kind, mode, need, doc, ...)
#define TASK_ROW(path, kind, mode, need, doc, ...)
#define TASK_DIR	    DIR
#define TASK_TEXT	    TEXT
#define TASK_BLOB	    BLOB
#define TASK_LINK	    LINK
#define ARG(name, ops, doc) extern const struct arg_ops ops;
#include "proc.def"
#include "sys.def"
#include "dev.def"
#include "sim.def"
#include "args.def"
#undef DIR
#undef TEXT
#undef BLOB
#undef LINK
#undef ROW
#undef TASK_ROW
#undef TASK_DIR
#undef TASK_TEXT
#undef TASK_BLOB
#undef TASK_LINK
#undef ARG

/* Functions of ROW() rows. */
extern const struct stream_ops replay_stream;
/* What is known of recordings, made at its first use. NULL: host memory ended. */
struct replay *session_replay(struct session *s);
show_fn show_replay;
bool keeps_memblock(const struct machine *m);
bool has_page_owner(const struct machine *m);
show_fn show_memblock;
show_fn show_page_owner;
show_fn show_clock;
store_fn store_clock;
slice_fn slice_clock;
slice_fn slice_compaction;
show_fn show_hugepages;
store_fn store_hugepages;
store_fn store_node_hugepages;
slice_fn slice_hugepages;
slice_fn slice_sysctl;
store_fn store_cma_alloc;
slice_fn slice_cma_alloc;
store_fn store_cma_free;
slice_fn slice_cma_free;
store_fn store_node_compact;
show_fn show_trace;
store_fn store_trace;
show_fn show_set_event;
store_fn store_set_event;
void truncate_trace(struct view *v);
void truncate_set_event(struct view *v);
enum fail_page_alloc_file {
	FAIL_PROBABILITY,
	FAIL_INTERVAL,
	FAIL_TIMES,
	FAIL_SPACE,
	FAIL_VERBOSE,
	FAIL_RATELIMIT_INTERVAL,
	FAIL_RATELIMIT_BURST,
	FAIL_TASK_FILTER,
	FAIL_IGNORE_WAIT,
	FAIL_IGNORE_HIGHMEM,
	FAIL_MIN_ORDER,
};
show_fn fail_page_alloc_show;
store_fn fail_page_alloc_store;
enum dma_debug_file {
	DMA_DEBUG_ERROR_COUNT,
	DMA_DEBUG_ALL_ERRORS,
	DMA_DEBUG_NUM_ERRORS,
	DMA_DEBUG_NUM_FREE,
	DMA_DEBUG_MIN_FREE,
	DMA_DEBUG_NR_TOTAL,
};
show_fn dma_debug_show;
store_fn dma_debug_store;
#include "view/sysctl.h"
show_fn show_hostname;
store_fn store_hostname;
extern const struct stream_ops ctl_stream;

/* access_stream.c: PID/access */
extern const struct stream_ops access_stream;
int show_access(struct view *v, struct text *out);
show_fn show_sim_var, show_pid_var;
int forget_sim_var(struct view *v);
int forget_pid_var(struct view *v);
bool is_simulated(const struct view *v);
show_fn show_pid_cmdline, show_pid_environ;
read_fn read_pid_mem;
write_fn write_pid_mem;
show_fn show_pid_fd;
size_fn size_pid_fd;
bool has_swiotlb(const struct machine *m);
show_fn show_io_tlb_nslabs, show_io_tlb_used;
int mkdir_device(struct view *v, const char *name, size_t len);
int rmdir_device(struct view *v);
/* slab_sysfs.c: numbers of a cache */
enum slab_attribute {
	SLAB_ATTR_ALIASES,
	SLAB_ATTR_ALIGN,
	SLAB_ATTR_CPU_PARTIAL,
	SLAB_ATTR_MIN_PARTIAL,
	SLAB_ATTR_OBJECT_SIZE,
	SLAB_ATTR_OBJS_PER_SLAB,
	SLAB_ATTR_ORDER,
	SLAB_ATTR_REMOTE_RATIO,
	SLAB_ATTR_SLAB_SIZE,
	SLAB_ATTR_USERSIZE,
};
show_fn show_slab_number, show_slab_flag, show_slab_ctor, show_slab_slabs, show_slab_objects,
	show_slab_total_objects, show_slab_partial, show_slab_objects_partial, show_slab_cpu_slabs,
	show_slab_slabs_cpu_partial;
store_fn store_slab_number, store_slab_shrink, store_slab_validate;
show_fn show_slab_traces;
int mkdir_task(struct view *v, const char *name, size_t len);
int rmdir_task(struct view *v);
/* One number as the kernel's kstrtoint(strstrip()) reads it, from at most 12 bytes. */
bool parse_kernel_int(const char *data, size_t len, int base, long *out);
show_fn show_sim_readme, show_sim_readme_zh, show_sim_bashrc, show_sim_lesson;
size_fn size_sim_readme, size_sim_readme_zh, size_sim_bashrc, size_sim_lesson;

#endif
