/*
 * What newer kernels have and the headers of an older C library lack: numbers and structures of the
 * Linux interface, from its published headers. Nothing else in the project defines such a thing.
 */
#pragma once

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_COLD
#define MADV_COLD 20 /* Linux 5.4 */
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21 /* Linux 5.4 */
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22 /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24 /* 5.18 */
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* 6.13 */
#define MADV_GUARD_REMOVE  103
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* 4.17 */
#endif

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1 /* 5.11 */
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13) /* 6.4 */
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15) /* 6.7 */
#endif
#ifndef UFFDIO_MOVE /* 6.8 */
#define UFFD_FEATURE_MOVE                (1 << 16)
#define UFFDIO_MOVE_MODE_DONTWAKE        ((uint64_t)1 << 0)
#define UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES ((uint64_t)1 << 1)
struct uffdio_move {
    uint64_t dst;
    uint64_t src;
    uint64_t len;
    uint64_t mode;
    int64_t move; /* bytes moved, or -errno */
};
#define UFFDIO_MOVE _IOWR(UFFDIO, 0x05, struct uffdio_move)
#endif

#ifndef PAGEMAP_SCAN /* 6.7 */
#define PAGE_IS_WPALLOWED     0x01
#define PAGE_IS_WRITTEN       0x02
#define PAGE_IS_FILE          0x04
#define PAGE_IS_PRESENT       0x08
#define PAGE_IS_SWAPPED       0x10
#define PAGE_IS_PFNZERO       0x20
#define PAGE_IS_HUGE          0x40
#define PAGE_IS_SOFT_DIRTY    0x80
#define PM_SCAN_WP_MATCHING   0x1
#define PM_SCAN_CHECK_WPASYNC 0x2
struct page_region {
    uint64_t start, end; /* end exclusive */
    uint64_t categories;
};
struct pm_scan_arg {
    uint64_t size; /* of this structure */
    uint64_t flags;
    uint64_t start, end;
    uint64_t walk_end; /* out: where the walk stopped */
    uint64_t vec;      /* struct page_region * */
    uint64_t vec_len;  /* elements */
    uint64_t max_pages;
    uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#endif

/*
 * The call itself: sanitizers' runtimes put a function that does nothing in the place of mlock and
 * munlock, but not of mlock2, so that what was locked would stay so.
 */
static inline int host_munlock(uint64_t address, uint64_t size)
{
    return syscall(SYS_munlock, address, size) == 0 ? 0 : -errno;
}
