/* SPDX-License-Identifier: MIT
 *
 * Processes and their address spaces, as data.
 *
 *	task ──mm_at──> mm ──vmas──> vma ──file_at──> file ──inode_at──> inode ──pages──> frames (page cache)
 *	                │            └─anon_chain──> anon_vma_chain <──> anon_vma            │
 *	                └─pgd ──> page tables in DRAM ──> frames <── frame.mapping ──────────┘
 *
 * All of them are blocks of the machine's heap, referred to by arena offset (fields `_at`, 0: none), never by pointer;
 * blocks do not move, so a pointer is good until the object is freed. Each has an `object`: the address of the kernel
 * object that it costs in the simulated machine (mm/slab/slab.h).
 *
 * Sizes: addresses and lengths in bytes, counters of struct mm in pages unless they say otherwise.
 */
#ifndef SIMM_MM_PROCESS_TYPES_H
#define SIMM_MM_PROCESS_TYPES_H

#include "mm/core/link_type.h"
#include "mm/slab/radix.h"
#include "mm/core/var.h"
#include "mm/page/types.h"

/* Bit 31 is no int, which ISO C forbids and every compiler here allows: all of them are unsigned then. */
__extension__ enum {
#define VM_FLAG(name, bit, letters, doc) name = 1u << (bit),
#include "mm/process/vm_flags.def"
	VM_STACK_FLAGS = VM_GROWSDOWN,
	VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP,
	VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC,
	VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT,
};

/* What a mapping is besides its file: decides its name in maps, and for kernel's pages how it faults. */
enum vma_kind {
	VMA_PLAIN,
	VMA_VDSO,	/* [vdso] */
	VMA_VVAR,	/* [vvar] */
	VMA_SIGPAGE,	/* [sigpage], ARM */
	VMA_VECTORS,	/* [vectors], ARM: the kernel's; no struct vma of the tree but shown in maps (the gate vma) */
	VMA_ZERO,	/* a private mapping of /dev/zero: anonymous, though it has a file */
};

/* Which nodes memory comes from (mempolicy.h). All zero: no policy. */
struct mempolicy {
	uint16_t mode;			/* enum mpol_mode */
	uint16_t flags;			/* MPOL_F_* mode flags */
	uint16_t home;			/* home node + 1, 0: none */
	uint64_t nodes;			/* bit a node */
	uint64_t user_nodes;		/* as they were asked for, with static or relative nodes */
};

struct vma {
	uint64_t start, end;		/* [start, end), multiples of a page */
	uint64_t pgoff;			/* of start: page in the file; anonymous: start >> PAGE_SHIFT at creation */
	uint64_t flags;			/* VM_* */
	uint64_t mm_at;
	uint64_t file_at;		/* 0: anonymous and private */
	uint64_t anon_vma_at;		/* 0: no anonymous page yet */
	struct link anon_chain;		/* head: of anon_vma_chain.same_vma */
	struct link mapped;		/* in inode.mappings */
	uint64_t object;
	uint32_t kind;			/* enum vma_kind */
	struct mempolicy policy;
};

/* All mappings that may share anonymous pages of one origin (mm/rmap.c). Pages have its id in frame.mapping. */
struct anon_vma {
	uint32_t id;
	uint32_t refcount;		/* mappings' chains, children */
	uint32_t num_children;
	uint32_t num_active_vmas;	/* vmas whose anon_vma_at this is */
	uint64_t parent_at;
	struct link chains;		/* head: of anon_vma_chain.same_anon_vma */
	uint64_t object;
};

struct anon_vma_chain {
	uint64_t vma_at, anon_vma_at;
	struct link same_vma, same_anon_vma;
	uint64_t object;
};

/* A mapping id -> its anon_vma or inode (frame.mapping). */
struct mappings {
	uint64_t at;			/* heap block: uint64_t[cap], offset of the object, or free << 1 | 1 */
	uint32_t cap, nr, first_free;	/* ids 1 .. nr were given out */
};

enum mm_counter { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES, NR_MM_COUNTERS };

/* The mappings of an address space in order of address: see vma_index.h. */
struct vma_index {
	uint64_t leaves_at;		/* heap block: struct vma_leaf_ref[cap], sorted */
	uint32_t nr_leaves, cap_leaves;
	uint32_t nr;			/* mappings */
	uint32_t nr_spare;
	uint64_t spare_at;		/* leaves put aside for insertions, a list */
	uint64_t cached_at;		/* the mapping found last (vmacache), 0 */
	/* What the last search from above has shown: between gap_to and gap_high no gap has gap_bytes; 0: nothing. */
	uint64_t gap_bytes, gap_to, gap_high;
};

struct mm {
	uint32_t users;			/* tasks that run in it */
	uint64_t asid;			/* low bits: number in TLBs; high bits: its generation; 0: none (asid.h) */
	uint64_t tlb_gen;		/* x86: how often its entries were to be forgotten */
	uint64_t id;			/* never used again: names it in reports */
	uint64_t pgd;			/* physical address of the top table */
	uint64_t user_pgd;		/* page-table isolation: what user mode runs on; 0: the same */
	uint64_t vmalloc_seq;		/* ARM: kernel_map.vmalloc_seq that the top table's kernel half is from */
	uint64_t cpumask[MAX_CPUS / 64]; /* CPUs whose TLBs may hold entries of it (mm_cpumask()) */
	struct vma_index vmas;
	uint64_t total_vm, locked_vm, data_vm, exec_vm, stack_vm;
	uint64_t hiwater_rss, hiwater_vm;
	uint64_t rss[NR_MM_COUNTERS];
	uint64_t pgtables_bytes;
	uint64_t last_base, last_table;	/* the table page that pte_alloc() gave last: its first address | 1, 0: none */
	uint64_t table_stock[4];	/* by depth - 1: empty tables taken in advance; none between calls */
	uint64_t mmap_base;		/* top-down: highest end of new mappings */
	bool mmap_legacy;		/* bottom-up from mmap_base */
	uint64_t bottom_up_base;	/* where a search upwards begins: the legacy layout's, or when no gap is left */
	uint64_t task_size;		/* first address that is not the user's */
	uint64_t def_flags;		/* mlockall(MCL_FUTURE) */
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t vdso;			/* address, 0: none */
	uint64_t exe_file_at;
	struct link tasks;		/* head: of task.in_mm */
	uint64_t object;
};

enum inode_kind {
	INODE_FILE,	/* has blocks on a disk: its page cache can be dropped and read again */
	INODE_SHMEM,	/* its pages are all there is of it: tmpfs, memfd, SysV, MAP_SHARED anonymous */
	INODE_MEM,	/* /dev/mem: offset is a physical address */
	INODE_ZERO,	/* /dev/zero */
	INODE_DMABUF,	/* a buffer that devices share (mm/dma/dma_buf.h) */
};

/* What a page of a file holds when it is read from its disk. */
enum content_rule {
	CONTENT_ZERO,	/* zeroes: costs no host memory */
	CONTENT_PATTERN, /* each 64-bit word tells inode and offset: file_word() */
};

/* What reads of an open file leave behind, so that the next one knows how much to read ahead (file_ra_state). Pages. */
struct file_ra {
	uint64_t start;
	uint32_t size, async_size;
	uint32_t mmap_miss;
	uint64_t prev_pos;		/* byte behind the last one read, UINT64_MAX: none yet */
};

struct inode {
	uint32_t id;			/* of struct mappings */
	uint32_t kind;			/* enum inode_kind */
	uint32_t rule;			/* enum content_rule */
	uint32_t nlink;			/* names; 0: unlinked or never named */
	uint32_t refcount;		/* open files */
	uint32_t major, minor;		/* st_dev */
	uint64_t ino;
	uint64_t bytes;			/* i_size */
	bool warm;			/* a first read is no major fault: the page is taken to have been in the cache */
	uint64_t cold_at;		/* heap block: uint64_t[cap_cold], pages of a warm file that were not, sorted */
	uint32_t nr_cold, cap_cold;
	struct radix pages;		/* index -> pfn + 1 */
	uint64_t nr_pages;		/* in the page cache */
	struct link mappings;		/* head: of vma.mapped (i_mmap) */
	struct link all;		/* in files.inodes */
	uint64_t path_at;		/* heap block: NUL-terminated; without a name, what maps shows */
	uint32_t path_bytes;
	bool named;			/* inode_lookup() finds it */
	bool shm;			/* a SysV segment: ino is its shmid */
	bool noreserve;			/* SHMEM: each page is committed when it comes, not all by size */
	uint64_t next_name_at;		/* the next inode with the same hash of its name */
	uint64_t rule_bytes;		/* the rule holds below; what lies between here and i_size are holes */
	uint64_t committed_pages;	/* SHMEM: in vm_committed_as */
	uint64_t object;
	uint64_t shm_key;		/* SysV; 0: IPC_PRIVATE */
	uint64_t policies_at;		/* SHMEM, heap block: struct shared_policy[nr_policies], sorted; 0: none */
	uint32_t nr_policies;
	uint64_t dma_buf_at;		/* DMABUF, heap block: struct dma_buf */
	struct file_ra ra;		/* of file_read(), which has no open file */
};

/* An open file description. */
struct file {
	uint64_t inode_at;
	uint32_t refcount;		/* file descriptors, mappings, executables */
	uint32_t flags;			/* O_* as Linux's asm-generic has them */
	uint64_t pos;
	struct file_ra ra;
	uint64_t object;
};

/* All files of the machine. */
struct files {
	struct link inodes;		/* head: of inode.all, oldest first */
	uint64_t next_ino, next_shmem_ino, next_shmid;
	uint64_t nr, nr_named;
	uint64_t nr_open;		/* struct file */
	uint64_t names_at;		/* heap block: uint64_t[names_cap], first inode by hash of its name */
	uint64_t names_cap;		/* a power of two */
};

/* The last signal that an access gave: struct siginfo and the saved context, as a handler sees them. */
struct siginfo {
	uint32_t signo;			/* 0: none; 7 SIGBUS, 11 SIGSEGV */
	uint32_t code;			/* SEGV_MAPERR 1, SEGV_ACCERR 2, BUS_ADRERR 2, SI_KERNEL 128 */
	uint64_t addr;
	uint64_t error_code;		/* x86 error code, FSR, ESR: what the kernel lets a handler see */
	uint64_t trapno;
	uint64_t cr2;
};

enum task_state { TASK_RUNNING, TASK_ZOMBIE };

enum rlimit_id {
	RLIM_CPU, RLIM_FSIZE, RLIM_DATA, RLIM_STACK, RLIM_CORE, RLIM_RSS, RLIM_NPROC, RLIM_NOFILE, RLIM_MEMLOCK, RLIM_AS,
	RLIM_LOCKS, RLIM_SIGPENDING, RLIM_MSGQUEUE, RLIM_NICE, RLIM_RTPRIO, RLIM_RTTIME, NR_RLIMITS
};
#define RLIM_INFINITY UINT64_MAX

struct rlimit {
	uint64_t soft, hard;		/* bytes, RLIM_INFINITY: none; 32-bit kernels print theirs the same way */
};

#define TASK_COMM_LEN 16
#define TASK_NAME_MAX 48

struct task {
	struct mempolicy policy;	/* set_mempolicy() */
	uint32_t il_prev;		/* interleaving: the node that gave last */
	uint32_t pid, tgid, ppid;
	uint32_t state;			/* enum task_state */
	uint32_t cpu;			/* where it runs */
	char comm[TASK_COMM_LEN];
	char name[TASK_NAME_MAX];	/* of sim/tasks/NAME; "": it has none */
	uint64_t mm_at;			/* 0: none (a kernel thread, a zombie) */
	struct link in_mm;		/* in mm.tasks */
	uint64_t min_flt, maj_flt;	/* its own */
	uint64_t cmin_flt, cmaj_flt;	/* of children waited for */
	struct siginfo signal;		/* pending: the last refused access; cleared by the next act of the task */
	uint64_t ip, sp;		/* for the log's line: where it last fetched, its stack */
	int32_t exit_code;		/* wait status of a zombie */
	int32_t oom_score_adj;
	uint32_t clone_flags;
	uint32_t vfork_waiter;		/* the task that waits until this one execs or exits, 0: none */
	uint32_t vfork_child;		/* the child that it waits for, 0: it runs */
	bool dumpable;
	uint64_t start_ns;
	uint64_t fds_at;		/* heap block: uint64_t[nr_fds], offset of struct file, 0: closed; then a bit each
					 * for close-on-exec. Threads have their process's */
	uint32_t nr_fds;
	uint32_t uid, gid;
	struct rlimit rlim[NR_RLIMITS];
	struct vars vars;		/* names of its calls' results: PID/vars/ */
	uint64_t stack;			/* kernel address of its kernel stack; 0: none (kernel_stack.c) */
	/* Of a process (tgid == pid), not of its other threads: */
	struct link children;		/* head: of task.sibling, oldest first */
	struct link sibling;		/* in its parent's children */
	struct link threads;		/* head: of task.thread: the others, oldest first */
	uint32_t nr_live;		/* threads that have not ended, itself included */
	uint64_t group_min_flt, group_maj_flt; /* of threads that have ended */
	uint64_t signal_object, sighand_object, files_object;
	/* Of any: */
	struct link thread;		/* in its process's threads */
	uint64_t object, pid_object;
};

/* All processes, by number. */
struct tasks {
	uint64_t at;			/* heap block: uint64_t[cap], offsets of struct task, sorted by pid */
	uint32_t nr, cap;
	uint32_t last_pid;
	uint64_t next_mm_id;
	uint32_t current_pid[MAX_CPUS];	/* who runs on the CPU, 0: the kernel alone (init_mm) */
	uint64_t forks;			/* processes of proc/stat */
};

#define TLB_NR_DYN_ASIDS 6

/* Which address space each CPU runs in, and its number in the CPU's TLBs (asid.h). */
struct asids {
	uint64_t generation;		/* high bits of mm.asid that are valid now */
	uint32_t next;
	uint32_t bits;			/* 0: the CPUs have none, or the command line says nopcid */
	/* x86: numbers are a CPU's own, one for each of the last few address spaces that it ran. */
	uint64_t slot[MAX_CPUS][TLB_NR_DYN_ASIDS]; /* mm.id, 0: none */
	uint64_t slot_gen[MAX_CPUS][TLB_NR_DYN_ASIDS]; /* mm.tlb_gen up to which it has forgotten */
	uint8_t next_slot[MAX_CPUS], this_slot[MAX_CPUS];
	uint8_t user_flush[MAX_CPUS];	/* bit s: forget slot s's user half when it is next loaded */
	/* Elsewhere: numbers are the machine's. */
	uint64_t active[MAX_CPUS];	/* mm.asid that runs, 0: none since the generation began */
	uint64_t reserved[MAX_CPUS];	/* ... that ran when it began: its number stays valid */
	uint64_t flush_pending[MAX_CPUS / 64];

	uint64_t mm_at[MAX_CPUS];	/* the mm in whose tables the CPU runs, 0: the kernel's own */
	uint64_t user_at[MAX_CPUS];	/* the same while the registers are those of user mode */
	uint64_t shootdowns_sent[MAX_CPUS], shootdowns_received[MAX_CPUS];
};

/* Pages of the kernel's image that processes see, from vdso_pfn on. */
enum { VDSO_PAGE_CODE = 0, VDSO_PAGE_DATA = 2, VDSO_PAGE_SIGNAL = 3, VDSO_PAGES = 4 };

/* All that processes add to a machine. */
struct processes {
	struct tasks tasks;
	struct mappings mappings;
	struct files files;
	struct asids asids;
	uint64_t zero_pfn;		/* ZERO_PAGE(0) */
	uint64_t vdso_pfn;		/* first of VDSO_PAGES, in the kernel's image; NO_PFN: none */
	uint64_t committed_pages;	/* vm_committed_as */
	uint64_t tlb_shootdowns;	/* flushes that other CPUs had to hear of */
	uint64_t tlb_shootdown_ipis;	/* interrupts for them (x86, RISC-V; ARM's hardware tells the others) */
	bool policies;			/* some memory policy was set once: until then nobody looks for one */
	bool warned_rlimit_data;	/* pr_warn_once() of a refused RLIMIT_DATA */
	bool warned_mremap_private;	/* the same of a private mapping that mremap was to duplicate */
};

#endif
